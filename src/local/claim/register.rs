//! What the operator registers on the local platform without a browser: OAuth apps, and accounts for
//! what the API alone offers.

use std::path::Path;

use url::Url;

use super::{is_address, is_organization_name, new_secret, passwords};
use crate::chance;
use crate::local::process::{home, make_directory};
use crate::local::ready::token_of;
use crate::local::registry::{Registry, new_uuid};
use crate::local::routes::new_ref;
use crate::sqlite::StoreError;

/// An OAuth app that was registered. Has no `Debug`: nobody is shown the secret twice.
pub struct NewApp {
    /// Its id, a UUID.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// Registers an OAuth app of the builder on the local platform of a data directory.
///
/// # Errors
///
/// A redirect URI that is neither HTTPS nor on loopback, none at all, or a registry that cannot be
/// written.
pub async fn register_app(
    data_dir: &Path,
    name: &str,
    redirect_uris: &[String],
) -> Result<NewApp, String> {
    if redirect_uris.is_empty() {
        return Err("an OAuth app needs a redirect URI".to_owned());
    }
    for uri in redirect_uris {
        check_redirect(uri).map_err(|reason| format!("{uri}: {reason}"))?;
    }
    let registry = open(data_dir)?;
    let app = NewApp {
        client_id: new_uuid("app", name),
        client_secret: new_secret("sba_", "app's secret"),
    };
    registry
        .add_app(&app.client_id, &app.client_secret, name, redirect_uris)
        .await
        .map_err(unusable)?;
    Ok(app)
}

/// An account that was registered, with a personal access token. Has no `Debug`: nobody is shown the
/// token twice.
pub struct OwnAccount {
    /// Its id, a UUID.
    pub account: String,
    /// The slug of its new organization.
    pub organization: String,
    /// The token.
    pub access_token: String,
}

/// Gives an account of the local platform of a data directory an organization and a personal access
/// token; makes the account if nobody has that address. A new one has no password, so that nobody
/// signs in with it.
///
/// # Errors
///
/// What is no address or no name, or a registry that cannot be written.
pub async fn register_account(
    data_dir: &Path,
    email: &str,
    organization: &str,
) -> Result<OwnAccount, String> {
    let (email, organization) = (email.trim().to_lowercase(), organization.trim());
    if !is_address(&email) || !is_organization_name(organization) {
        return Err(
            "an account has an address of mail, and its organization a name of 1 to 64 characters"
                .to_owned(),
        );
    }
    let registry = open(data_dir)?;
    let account = match registry.login(&email).await.map_err(unusable)? {
        Some(login) => login.id,
        None => {
            let secret = passwords::sealed(new_secret("", "password of nobody")).await;
            let (salt, digest) = secret.map_err(|_| "the password cannot be sealed")?;
            let added = registry.add_account(&email, salt, digest).await;
            let added = added.map_err(unusable)?;
            added.ok_or("somebody has made that account just now")?
        }
    };
    let token = chance::hex::<20>("account's token", &account);
    let own = OwnAccount {
        organization: new_ref("organization", &account).to_string(),
        access_token: token_of(&token),
        account,
    };
    registry
        .add_organization(&own.account, &own.organization, organization)
        .await
        .map_err(unusable)?;
    registry
        .add_account_token(&own.account, &own.access_token)
        .await
        .map_err(unusable)?;
    Ok(own)
}

fn open(data_dir: &Path) -> Result<Registry, String> {
    let home = home(data_dir);
    for directory in [data_dir, &home] {
        make_directory(directory).map_err(|error| error.to_string())?;
    }
    Registry::open(&home.join("platform.sqlite")).map_err(unusable)
}

fn unusable(error: StoreError) -> String {
    error.to_string()
}

fn check_redirect(uri: &str) -> Result<(), &'static str> {
    let url = Url::parse(uri).map_err(|_| "is no URL")?;
    let on_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if on_loopback => {}
        _ => return Err("is neither HTTPS nor on loopback"),
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("holds a fragment, a user or a password");
    }
    Ok(())
}
