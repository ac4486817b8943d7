//! Why somebody is not believed to be who they say they are.
//!
//! What is said names the check that failed and repeats nothing of what was sent: an answer may
//! end up in a log that others read.

use super::answer::Problem;
use axum::http::StatusCode;

/// Seconds after which a caller whose token cannot be verified yet may come again.
const RETRY_SECONDS: u64 = 5;

/// Why somebody is not believed to be who they say they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was shown.
    #[error(
        "send a token as `authorization: Bearer TOKEN`, or show a client certificate; the \
         server's configuration lists them"
    )]
    Nothing,
    /// Which of them counts, a proxy may see otherwise.
    #[error("there is more than one `authorization` header")]
    Several,
    /// The header is of no known form.
    #[error("`authorization` is read as `Bearer TOKEN`, or `Basic` with the token as password")]
    Form,
    /// Nobody has this token.
    #[error("the token is not known here")]
    Token,
    /// A certificate is required, and the connection is older than that.
    #[error("a client certificate is required: connect again with one")]
    NoCertificate,
    /// The authorities do not vouch for it any more.
    #[error("the client certificate has expired, or its authority is no longer trusted")]
    Untrusted,
    /// It is nobody's.
    #[error("the client certificate is nobody's here; list it under `server.tokens`")]
    Certificate,
    /// It has the form of a JWT and is none.
    #[error("the JWT cannot be read")]
    Malformed,
    /// It is signed in a way that is not taken.
    #[error("the JWT is signed by an algorithm that is not taken here")]
    Algorithm,
    /// It wants something understood that is not.
    #[error("the JWT has a `crit` header, and no extension is understood here")]
    Critical,
    /// The key that signed it is not one of the issuer's.
    #[error("the JWT is signed by a key that the issuer does not publish, or names none")]
    Key,
    /// Keys could not be fetched so far.
    #[error("the issuer's keys are not known yet, so no JWT can be verified")]
    NoKeys,
    /// It was changed, or somebody else signed it.
    #[error("the signature of the JWT is wrong")]
    Signature,
    /// It has no end.
    #[error("the JWT has no claim `exp` that is a time")]
    NoEnd,
    /// Its time is over.
    #[error("the JWT has expired")]
    Expired,
    /// Its time has not come.
    #[error("the JWT is not valid yet, or its claim `nbf` is no time")]
    NotYet,
    /// Somebody else made it.
    #[error("the JWT is of another issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the JWT is for another audience")]
    Audience,
    /// It does not say whose data it is about.
    #[error("the JWT has no tenant: its claim must be a name of letters, digits, `-` and `_`")]
    Tenant,
}

impl Refusal {
    /// The word for it in metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::Nothing => "nothing_shown",
            Refusal::Several => "several_headers",
            Refusal::Form => "header_form",
            Refusal::Token => "token_unknown",
            Refusal::NoCertificate => "certificate_missing",
            Refusal::Untrusted => "certificate_untrusted",
            Refusal::Certificate => "certificate_unknown",
            Refusal::Malformed => "jwt_malformed",
            Refusal::Algorithm => "jwt_algorithm",
            Refusal::Critical => "jwt_critical",
            Refusal::Key => "jwt_key",
            Refusal::NoKeys => "jwt_no_keys",
            Refusal::Signature => "jwt_signature",
            Refusal::NoEnd => "jwt_no_end",
            Refusal::Expired => "jwt_expired",
            Refusal::NotYet => "jwt_not_yet_valid",
            Refusal::Issuer => "jwt_issuer",
            Refusal::Audience => "jwt_audience",
            Refusal::Tenant => "jwt_tenant",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            // The token may be good: its sender is to keep it and come again.
            Refusal::NoKeys => Problem::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string())
                .retry_after(RETRY_SECONDS),
            _ => Problem::unauthenticated(refusal.to_string()),
        }
    }
}
