//! Specific rules for faults that people put into code, versions and settings.

use super::Role::Root;
use super::Scope::{Deployment, Pod, Service};
use super::Severity::{Error, Warning};
use super::{Rule, rule};
use crate::faults::FaultKind::{
    BadConfig, BadDeploy, CodeBadParameter, CodeMissingCall, CodeMissingParameter,
    CodeUnhandledException, CodeWrongResult,
};

/// The rules, by kind of fault.
pub const CODE_ROOTS: &[Rule] = &[
    rule(
        "InvalidArgumentErrors",
        Service,
        Error,
        Root(&[CodeBadParameter]),
        19.0,
        "{v} calls a second to {e} carry an argument it cannot read",
    ),
    rule(
        "ValidationRejectsSpike",
        Service,
        Warning,
        Root(&[CodeBadParameter, CodeMissingParameter]),
        27.0,
        "{e} rejects {v} requests a second as invalid",
    ),
    rule(
        "MissingFieldErrors",
        Service,
        Error,
        Root(&[CodeMissingParameter]),
        33.0,
        "{v} requests a second reach {e} without a field it needs",
    ),
    rule(
        "StepSkippedInWorkflow",
        Service,
        Error,
        Root(&[CodeMissingCall]),
        12.0,
        "{v} workflows a minute pass {e} without one of their steps",
    ),
    rule(
        "InvariantCheckFailed",
        Service,
        Error,
        Root(&[CodeMissingCall, CodeWrongResult]),
        8.0,
        "{v} self checks of {e} have failed",
    ),
    rule(
        "ResultMismatchDetected",
        Service,
        Error,
        Root(&[CodeWrongResult]),
        5.0,
        "shadow traffic disagrees with {v} % of the results of {e}",
    ),
    rule(
        "UnhandledExceptionBurst",
        Service,
        Error,
        Root(&[CodeUnhandledException]),
        61.0,
        "{e} throws {v} unhandled exceptions a minute",
    )
    .with("exception", &["NullReference", "IndexOutOfRange", "IllegalState", "KeyMissing"]),
    rule(
        "NewStackTraceSeen",
        Service,
        Warning,
        Root(&[CodeUnhandledException, BadDeploy]),
        4.0,
        "{e} logs {v} stack traces that were never seen before",
    ),
    rule(
        "RolloutStalled",
        Deployment,
        Error,
        Root(&[BadDeploy]),
        11.0,
        "rollout of deployment {e} has made no progress for {v} minutes",
    ),
    rule(
        "PodCrashLoop",
        Pod,
        Error,
        Root(&[BadDeploy, CodeUnhandledException]),
        6.0,
        "pod {e} has crashed {v} times since it was created",
    ),
    rule(
        "CanaryScoreLow",
        Deployment,
        Warning,
        Root(&[BadDeploy]),
        31.0,
        "the new version of {e} scores {v} of 100 against the old one",
    ),
    rule(
        "ConfigReloadFailed",
        Service,
        Error,
        Root(&[BadConfig]),
        4.0,
        "{v} instances of {e} could not load their settings",
    ),
    rule(
        "FeatureFlagDivergence",
        Service,
        Warning,
        Root(&[BadConfig]),
        2.0,
        "{v} instances of {e} see other flags than the rest",
    ),
];
