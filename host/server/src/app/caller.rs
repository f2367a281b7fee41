//! Who asks, and whether they may.

use relhost_model::actor::Actor;
use relhost_model::config::Config;
use relhost_model::id::PersonId;
use relhost_model::release::Mode;

use crate::exit::{Exit, Failure};

/// Who asks, as the transport recognised them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// How they were recognised: `terminal`, `socket`, `mail-link` or `trigger`.
    pub via: &'static str,
    /// `--as`: whom they rehearse to be.
    pub act_as: Option<PersonId>,
}

impl Caller {
    /// The operating-system user: the person who claims it in the configuration, else just the user.
    #[must_use]
    pub fn os_user(config: &Config, user: &str, via: &'static str, act_as: Option<PersonId>) -> Self {
        let person = config.people.iter().find(|(_, person)| person.os_user.as_deref() == Some(user));
        let actor = match person {
            Some((id, _)) => Actor::Person(id.clone()),
            None => Actor::OsUser(user.to_owned()),
        };
        Self { actor, via, act_as }
    }

    /// Who acts in a release of this mode.
    ///
    /// # Errors
    /// If `--as` is used on a real release, or names nobody.
    pub fn acting(&self, mode: Mode, config: &Config) -> Result<(Actor, String), Failure> {
        let Some(person) = &self.act_as else { return Ok((self.actor.clone(), self.via.to_owned())) };
        if mode == Mode::Real {
            return Err(Failure::new(Exit::NotAllowed, "as-refused", "refused `--as`: this release is real")
                .help(
                    "`--as` works in rehearsals only; on a real release you are your operating-system user",
                ));
        }
        if !config.people.contains_key(person) {
            return Err(Failure::new(
                Exit::Invalid,
                "unknown-person",
                format!("relhost.yaml knows no person `{person}`"),
            ));
        }
        Ok((Actor::Person(person.clone()), "rehearsal".to_owned()))
    }
}
