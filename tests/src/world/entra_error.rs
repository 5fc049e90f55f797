//! The errors of Entra that a client of ours can meet (facts, 4).
//!
//! Where the facts have no status (the transient ones, and those of assertions), it is a guess.

/// One error of Entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntraError {
    /// The number after `AADSTS`.
    pub number: u32,
    /// The HTTP status.
    pub status: u16,
    /// The `error` of the body, the only part that clients may react to.
    pub error: &'static str,
    /// What the description begins with.
    pub text: &'static str,
    /// The `Retry-After`, in seconds, of an error that passes.
    pub retry_after_s: Option<u64>,
}

const fn lasting(number: u32, status: u16, error: &'static str, text: &'static str) -> EntraError {
    EntraError {
        number,
        status,
        error,
        text,
        retry_after_s: None,
    }
}

const fn passing(number: u32, status: u16, text: &'static str) -> EntraError {
    EntraError {
        number,
        status,
        error: "temporarily_unavailable",
        text,
        retry_after_s: Some(5),
    }
}

/// Every error that a client can be told to end with.
pub const ENTRA_ERRORS: [EntraError; 16] = [
    lasting(
        7_000_215,
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
    ),
    lasting(
        7_000_222,
        401,
        "invalid_client",
        "The provided client secret keys are expired.",
    ),
    lasting(
        7_000_218,
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    lasting(
        700_016,
        400,
        "unauthorized_client",
        "Application was not found in the directory.",
    ),
    lasting(90_002, 400, "invalid_request", "Tenant not found."),
    lasting(
        70_011,
        400,
        "invalid_scope",
        "The provided value for the input parameter 'scope' is not valid.",
    ),
    lasting(
        1_002_012,
        400,
        "invalid_scope",
        "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
    ),
    lasting(
        500_011,
        400,
        "invalid_resource",
        "The resource principal was not found in the tenant.",
    ),
    lasting(
        900_144,
        400,
        "invalid_request",
        "The request body must contain a required parameter.",
    ),
    lasting(
        700_024,
        401,
        "invalid_client",
        "Client assertion is not within its valid time range.",
    ),
    lasting(
        700_027,
        401,
        "invalid_client",
        "Client assertion failed signature validation.",
    ),
    lasting(50_012, 401, "invalid_client", "Authentication failed."),
    lasting(
        500_133,
        401,
        "invalid_client",
        "Assertion is not within its valid time range.",
    ),
    passing(
        90_055,
        429,
        "The server is terminating the request due to excessive request rates.",
    ),
    passing(
        90_024,
        503,
        "A transient error has occurred. Please try again.",
    ),
    passing(
        90_006,
        503,
        "External server retryable error. Please try again.",
    ),
];

/// The error with this number.
#[must_use]
pub fn entra_error(number: u32) -> Option<&'static EntraError> {
    ENTRA_ERRORS.iter().find(|error| error.number == number)
}
