//! What is remembered of one scope's token, and what that means for the next wish for it.
//!
//! Plain decisions over points in time that the caller gives.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::token_reply::{Granted, TokenError};

/// A token is renewed when this much of its life is left, as Microsoft's own libraries do; a
/// shorter-lived one at half of its life.
const RENEW_EARLY: Duration = Duration::from_secs(300);

/// How long a refusal is remembered, as in MSAL.
const REMEMBER_REFUSAL: Duration = Duration::from_secs(60);

/// What is known of one scope. Points in time are those of the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    token: Option<Kept>,
    refused: Option<(TokenError, Duration)>,
}

#[derive(Debug, Clone)]
struct Kept {
    token: SecretString,
    renew_at: Duration,
    ends_at: Duration,
}

/// What to do about a wish for a token.
#[derive(Debug)]
pub(crate) enum Step {
    Use(SecretString),
    Fail(TokenError),
    Ask,
}

impl Slot {
    pub(crate) fn step(&self, now: Duration) -> Step {
        let held_back = self.refused.as_ref().filter(|(_, until)| now < *until);
        match (&self.token, held_back) {
            (Some(kept), _) if now < kept.renew_at => Step::Use(kept.token.clone()),
            (Some(kept), Some(_)) if now < kept.ends_at => Step::Use(kept.token.clone()),
            (_, Some((error, until))) => Step::Fail(still(error, until.saturating_sub(now))),
            _ => Step::Ask,
        }
    }

    pub(crate) fn granted(&mut self, granted: Granted, now: Duration) -> SecretString {
        let early = RENEW_EARLY.min(granted.life / 2);
        self.refused = None;
        self.token = Some(Kept {
            token: granted.token.clone(),
            renew_at: now + granted.life.saturating_sub(early),
            ends_at: now + granted.life,
        });
        granted.token
    }

    /// Forgets the token, if it is still this one.
    pub(crate) fn drop_token(&mut self, refused: &SecretString) {
        self.token = self
            .token
            .take()
            .filter(|kept| kept.token.expose_secret() != refused.expose_secret());
    }

    /// Remembers the failure, and gives the old token while it lasts.
    pub(crate) fn failed(
        &mut self,
        error: TokenError,
        now: Duration,
    ) -> Result<SecretString, TokenError> {
        let hold = match &error {
            TokenError::Refused { .. } => REMEMBER_REFUSAL,
            TokenError::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
        };
        self.refused = Some((error.clone(), now + hold));
        match self.token.as_ref().filter(|kept| now < kept.ends_at) {
            Some(kept) => Ok(kept.token.clone()),
            None => Err(error),
        }
    }
}

/// The remembered error, with what is left of its waiting time.
fn still(error: &TokenError, left: Duration) -> TokenError {
    match error {
        TokenError::Unavailable { reason, .. } => TokenError::Unavailable {
            reason: reason.clone(),
            retry_after: Some(left),
        },
        refused => refused.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn granted(token: &str, life: u32) -> Granted {
        Granted {
            token: SecretString::from(token),
            life: SECOND * life,
        }
    }

    fn refusal() -> TokenError {
        TokenError::Refused {
            error: "invalid_client".to_owned(),
            number: None,
            message: String::new(),
            hint: "",
        }
    }

    fn outage(after: Option<u32>) -> TokenError {
        let retry_after = after.map(|seconds| SECOND * seconds);
        TokenError::Unavailable {
            reason: "down".to_owned(),
            retry_after,
        }
    }

    fn uses(slot: &Slot, at: u32) -> bool {
        matches!(slot.step(SECOND * at), Step::Use(_))
    }

    #[test]
    fn a_token_is_renewed_five_minutes_early_and_a_short_one_at_half_of_its_life() {
        let mut slot = Slot::default();
        slot.granted(granted("INVENTED-a", 3600), Duration::ZERO);
        assert!(uses(&slot, 3299) && matches!(slot.step(SECOND * 3300), Step::Ask));
        slot.granted(granted("INVENTED-b", 100), Duration::ZERO);
        assert!(uses(&slot, 49) && matches!(slot.step(SECOND * 50), Step::Ask));
    }

    #[test]
    fn the_old_token_serves_to_its_end_while_a_renewal_fails() {
        let mut slot = Slot::default();
        slot.granted(granted("INVENTED-a", 3600), Duration::ZERO);
        assert!(slot.failed(outage(Some(600)), SECOND * 3400).is_ok());
        assert!(uses(&slot, 3599));
        assert!(matches!(slot.step(SECOND * 3600), Step::Fail(_)));
        assert!(slot.failed(outage(None), SECOND * 3601).is_err());
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_and_an_outage_as_long_as_it_says() {
        let mut slot = Slot::default();
        assert!(slot.failed(refusal(), SECOND).is_err());
        assert!(matches!(
            slot.step(SECOND * 60),
            Step::Fail(TokenError::Refused { .. })
        ));
        assert!(matches!(slot.step(SECOND * 61), Step::Ask));
        assert!(slot.failed(outage(Some(30)), SECOND * 100).is_err());
        let Step::Fail(TokenError::Unavailable { retry_after, .. }) = slot.step(SECOND * 110)
        else {
            panic!("the outage lasts");
        };
        assert_eq!(retry_after, Some(SECOND * 20));
        assert!(slot.failed(outage(None), SECOND * 200).is_err());
        assert!(matches!(slot.step(SECOND * 200), Step::Ask));
    }
}
