//! Query parameters, some of which repeat.

use crate::emit::matcher::LabelMatcher;
use crate::emit::wire::{SeverityWord, Time};
use crate::ingest::http::answer::Problem;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use smol_str::SmolStr;

/// Parameters in the order given.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(Query(pairs)) => Ok(Params(pairs)),
            Err(error) => Err(Problem::bad_request(format!("the query cannot be read: {error}"))),
        }
    }
}

impl Params {
    /// Refuses parameters that mean nothing here: a slip would show too much.
    ///
    /// # Errors
    /// When one is not among `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let detail = format!("parameter {name:?} is not known; use {}", known.join(", "));
                Err(Problem::bad_request(detail))
            }
        }
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// The last value of `name`, unless it is empty.
    pub fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).last().filter(|value| !value.is_empty())
    }

    /// Every value of `name`, to keep.
    pub fn words(&self, name: &str) -> Vec<SmolStr> {
        self.all(name).filter(|value| !value.is_empty()).map(SmolStr::new).collect()
    }

    /// The last value of `name`, read by `parse`.
    ///
    /// # Errors
    /// When it does not read.
    pub fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.one(name).map(|text| value(name, text, wanted, &parse)).transpose()
    }

    /// Every value of `name`, read by `parse`.
    ///
    /// # Errors
    /// When one does not read.
    pub fn read_all<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Problem> {
        self.all(name).map(|text| value(name, text, wanted, &parse)).collect()
    }

    /// A severity.
    ///
    /// # Errors
    /// When it is none.
    pub fn severity(&self) -> Result<Option<SeverityWord>, Problem> {
        self.read("severity", "fatal, critical, error, warning, info or debug", SeverityWord::parse)
    }

    /// An instant.
    ///
    /// # Errors
    /// When it is none.
    pub fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        self.read(name, "an RFC 3339 time", |text| text.parse().ok())
    }

    /// Label matchers, one or a list a value.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn matchers(&self, name: &str) -> Result<Vec<LabelMatcher>, Problem> {
        let mut matchers = Vec::new();
        for text in self.all(name) {
            match LabelMatcher::parse_list(text) {
                Ok(list) => matchers.extend(list),
                Err(error) => return Err(Problem::bad_request(error.to_string())),
            }
        }
        Ok(matchers)
    }

    /// `true` unless it is said to be `false`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        let parsed = self.read(name, "true or false", |text| text.parse().ok())?;
        Ok(parsed.unwrap_or(true))
    }
}

fn value<T>(
    name: &str,
    text: &str,
    wanted: &str,
    parse: &impl Fn(&str) -> Option<T>,
) -> Result<T, Problem> {
    parse(text).ok_or_else(|| {
        let short: String = text.chars().take(64).collect();
        Problem::bad_request(format!("parameter {name:?} is {short:?} where {wanted} is wanted"))
    })
}
