//! Secrets of edge functions. Development branches take values from the caller or from the operator's
//! environment; production takes them from the operator's environment alone.

use std::collections::{BTreeMap, HashSet};
use std::future::ready;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::approval::Ask;
use super::environment::{For, secret};
use super::payment::holds_live_key;
use super::{Code, Dev, Guard, Next, Operation, Production, Read, Refusal};
use crate::api::Ref;
use crate::api::secrets::{
    DeleteSecrets, ListSecrets, ListedSecret, NAME_CHARACTERS, NewSecret, RESERVED_PREFIX,
    SetSecrets, VALUE_CHARACTERS,
};
use crate::fence::quote;
use crate::hex;
use crate::redact::{self, MARK};

/// The most secrets of one call; the platform's own limit.
const MOST: usize = 100;
/// How names begin that mean something to what runs functions, and to nobody's app.
const RESERVED: &[&str] = &[RESERVED_PREFIX, "DENO_", "DRYDOCK_", "DYLD_", "LD_"];
/// Names that do.
const RESERVED_NAMES: &[&str] = &["HOME", "NODE_OPTIONS", "PATH", "TMPDIR"];

/// A secret as it can be shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SecretDigest {
    /// Its name.
    pub name: String,
    /// SHA-256 of its value.
    pub digest: String,
    /// When it was set last.
    pub updated_at: Option<String>,
}

impl From<ListedSecret> for SecretDigest {
    fn from(listed: ListedSecret) -> Self {
        let is_digest =
            listed.value.len() == 64 && listed.value.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self {
            // A platform that shows values is not passed on.
            digest: if is_digest {
                listed.value
            } else {
                hex::sha256_text(&listed.value)
            },
            name: listed.name,
            updated_at: listed.updated_at,
        }
    }
}

/// Names and values for a development branch, as far as they were looked at without asking anybody.
#[derive(Debug, Clone, Default)]
pub struct DevSecrets(Vec<NewSecret>);

impl DevSecrets {
    /// Values by name, and names whose values lie in the operator's environment for development
    /// branches. The values are known as secrets from here on, whatever comes of it.
    ///
    /// # Errors
    ///
    /// Names and values that are not allowed, and live payment keys.
    pub fn checked(
        given: BTreeMap<String, String>,
        from_environment: &[String],
    ) -> Result<Self, Refusal> {
        for value in given.values() {
            redact::keep_given(value);
        }
        let mut secrets = Vec::new();
        for (name, value) in given {
            check_name(&name)?;
            secrets.push(NewSecret { name, value });
        }
        for name in from_environment {
            check_name(name)?;
            if secrets.iter().any(|known| &known.name == name) {
                return Err(Refusal::invalid(format!("{} is named twice", quote(name))));
            }
            let value = secret(For::Dev, name)?;
            let name = name.clone();
            secrets.push(NewSecret { name, value });
        }
        if !secrets.is_empty() {
            check_count(secrets.len())?;
        }
        for NewSecret { name, value } in &secrets {
            check_value(name, value)?;
            if holds_live_key(value) {
                return Err(live_key(name));
            }
        }
        Ok(Self(secrets))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[NewSecret] {
        &self.0
    }
}

/// The refusal of a live payment key for a development branch.
pub(super) fn live_key(name: &str) -> Refusal {
    Refusal::new(
        Code::LivePaymentKey,
        format!(
            "the value for {} looks like a live payment key, and a development branch takes test keys alone",
            quote(name)
        ),
    )
    .operator("put the processor's test key there; the live one goes to production, by promote_secrets")
}

/// What functions can be handed under a name.
fn check_name(name: &str) -> Result<(), Refusal> {
    let is_name = !name.is_empty()
        && name.len() <= NAME_CHARACTERS
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err(Refusal::invalid(format!(
            "a secret's name is 1 to {NAME_CHARACTERS} letters, digits and `_`, and begins with no digit"
        )));
    }
    Refusal::unless_harmless("secret's name", name)?;
    let upper = name.to_ascii_uppercase();
    let reserved = RESERVED
        .iter()
        .find(|beginning| upper.starts_with(*beginning));
    if reserved.is_some() || RESERVED_NAMES.contains(&upper.as_str()) {
        return Err(Refusal::invalid(format!(
            "{} is reserved for what runs the functions; secrets' names do not begin with {}, and are none of {}",
            quote(name),
            RESERVED.join(", "),
            RESERVED_NAMES.join(", ")
        )));
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), Refusal> {
    let problem = if value.is_empty() {
        "is empty; delete_secrets takes a secret away"
    } else if value.chars().count() > VALUE_CHARACTERS {
        "is longer than 24576 characters"
    } else if value.contains('\0') {
        "holds a zero byte"
    } else if value.contains(MARK) {
        "is what stands where Drydock has hidden a secret, not the secret itself"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(format!(
        "the value for {} {problem}",
        quote(name)
    )))
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if (1..=MOST).contains(&count) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "name 1 to {MOST} secrets in one call"
    )))
}

impl Guard {
    /// Secrets of a project or branch, by name.
    async fn secrets(&self, reference: &Ref) -> Result<Vec<SecretDigest>, Refusal> {
        let listed = self
            .client()
            .look::<ListSecrets>(reference.clone(), &())
            .await?;
        let mut secrets: Vec<SecretDigest> = listed.into_iter().map(Into::into).collect();
        secrets.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(secrets)
    }

    /// The digests of the secrets that functions know: others may have set them, and the platform shows no more.
    pub(super) async fn digests(&self, reference: &Ref) -> Result<HashSet<String>, Refusal> {
        let secrets = self.secrets(reference).await?.into_iter();
        let digests = secrets.map(|secret| secret.digest.to_ascii_lowercase());
        Ok(digests.collect())
    }
}

impl Read {
    /// The secrets, by name, with digests.
    pub async fn secrets(&self) -> Result<Vec<SecretDigest>, Refusal> {
        self.call.guard.secrets(self.reference()?).await
    }
}

impl Dev {
    /// Sets secrets; the others stay. Answers the names.
    pub async fn set_secrets(&self, secrets: &DevSecrets) -> Result<Vec<String>, Refusal> {
        check_count(secrets.0.len())?;
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        guard
            .client()
            .write::<SetSecrets>(&self.branch, &(), &secrets.0)
            .await?;
        Ok(secrets.0.iter().map(|secret| secret.name.clone()).collect())
    }

    /// Deletes secrets. Answers the names of those that there were.
    pub async fn delete_secrets(&self, names: &[String]) -> Result<Vec<String>, Refusal> {
        check_count(names.len())?;
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        let known = guard.secrets(self.branch.reference()).await?;
        let (there, missing): (Vec<String>, Vec<String>) = names
            .iter()
            .cloned()
            .partition(|name| known.iter().any(|secret| &secret.name == name));
        if !missing.is_empty() {
            return Err(Refusal::new(
                Code::NotFound,
                format!(
                    "there is no secret {}; nothing was deleted",
                    quote(missing.join(", "))
                ),
            )
            .next(Next::new(
                "list_secrets",
                json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
                "shows the names that there are",
            )));
        }
        guard
            .client()
            .write::<DeleteSecrets>(&self.branch, &(), &there)
            .await?;
        Ok(there)
    }
}

impl Production {
    /// Sets production's secrets to what the operator's environment has for it. Answers the names.
    pub async fn promote_secrets(self, names: &[String]) -> Result<Vec<String>, Refusal> {
        check_count(names.len())?;
        let mut secrets: Vec<NewSecret> = Vec::new();
        for name in names {
            check_name(name)?;
            if secrets.iter().any(|known| &known.name == name) {
                return Err(Refusal::invalid(format!("{} is named twice", quote(name))));
            }
            let value = secret(For::Production, name)?;
            check_value(name, &value)?;
            secrets.push(NewSecret {
                name: name.clone(),
                value,
            });
        }
        let guard = &self.call.guard;
        let _turn = guard.project_turn(&self.project).await?;
        let present = guard.secrets(&self.project).await?;
        let ask = self.ask_to_promote(&secrets, &present);
        let leave = self
            .call
            .leave(&[Operation::PromoteSecrets], ready(Ok(ask)))
            .await?;
        self.call.step("setting production's secrets");
        guard
            .client()
            .release::<SetSecrets>(&leave.permit(), self.project.clone(), &(), &secrets)
            .await?;
        let after = guard.secrets(&self.project).await?;
        let unset: Vec<&str> = secrets
            .iter()
            .filter(|secret| !after.iter().any(|listed| holds(listed, secret)))
            .map(|secret| secret.name.as_str())
            .collect();
        if !unset.is_empty() {
            return Err(Refusal::new(
                Code::PlatformError,
                format!(
                    "the platform took the secrets, and does not show what was given for {}",
                    quote(unset.join(", "))
                ),
            )
            .operator("compare the digests that list_secrets shows with your own"));
        }
        Ok(names.to_vec())
    }

    fn ask_to_promote(&self, secrets: &[NewSecret], present: &[SecretDigest]) -> Ask {
        let effect = |secret: &NewSecret| {
            let known = present.iter().find(|listed| listed.name == secret.name);
            match known {
                None => "is new",
                Some(_) if present.iter().any(|listed| holds(listed, secret)) => "stays",
                Some(_) => "is replaced",
            }
        };
        let facts: BTreeMap<&str, &str> = secrets
            .iter()
            .map(|secret| (secret.name.as_str(), effect(secret)))
            .collect();
        let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
        let state = [self.project.to_string()]
            .into_iter()
            .chain(
                present
                    .iter()
                    .filter(|listed| names.contains(&listed.name.as_str()))
                    .flat_map(|listed| [listed.name.clone(), listed.digest.clone()]),
            )
            .chain(
                secrets
                    .iter()
                    .flat_map(|secret| [secret.name.clone(), hex::sha256_text(&secret.value)]),
            );
        Ask {
            what: format!(
                "set {} secret(s) of production of {} to what the operator's environment has: {}",
                secrets.len(),
                self.project,
                names.join(", ")
            ),
            subject: Some((self.project.clone(), None)),
            state: state.collect(),
            facts: json!({ "secrets": facts }),
            for_a_while: false,
        }
    }
}

/// Whether what is listed is this secret with this value.
fn holds(listed: &SecretDigest, secret: &NewSecret) -> bool {
    listed.name == secret.name
        && listed
            .digest
            .eq_ignore_ascii_case(&hex::sha256_text(&secret.value))
}
