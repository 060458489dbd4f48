//! What the pages say, in HTML. Everything that somebody chose is escaped, and set apart from the
//! direction of the text around it.

use axum::http::StatusCode;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::SCOPES;
use crate::local::registry::{LAST_PAGE, StoredOrganization, StoredProject};

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}label,button{display:block;margin:.6rem 0}input{font:inherit}.wrong{color:#a00}";

/// A page, in the order in which they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Page {
    Account,
    Organization,
    Permissions,
    Project,
    Confirm,
}

const PAGES: [(Page, &str, &str); LAST_PAGE as usize] = [
    (Page::Account, "account", "Sign in"),
    (Page::Organization, "organization", "Choose an organization"),
    (Page::Permissions, "permissions", "Review permissions"),
    (Page::Project, "project", "Review the transfer"),
    (Page::Confirm, "confirm", "Confirm"),
];

impl Page {
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = PAGES.iter().find(|(_, known, _)| *known == name);
        found.map(|(page, ..)| *page)
    }

    pub(super) fn name(self) -> &'static str {
        self.words().0
    }

    fn words(self) -> (&'static str, &'static str) {
        let found = PAGES.iter().find(|(page, ..)| *page == self);
        found.map_or(("", ""), |(_, name, title)| (name, title))
    }

    /// From 1.
    pub(super) fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The page after the one of that number.
    pub(super) fn after(number: u8) -> Self {
        let found = PAGES.get(usize::from(number));
        found.map_or(Self::Confirm, |(page, ..)| *page)
    }
}

/// What a page shows.
pub(super) struct Shown<'a> {
    pub(super) page: Page,
    pub(super) wrong: Option<&'a str>,
    pub(super) csrf: &'a str,
    /// The address of whoever has signed in.
    pub(super) account: Option<&'a str>,
    pub(super) app: &'a str,
    pub(super) project: &'a StoredProject,
    /// How many branches go along.
    pub(super) branches: usize,
    /// The one that was chosen.
    pub(super) organization: Option<&'a StoredOrganization>,
    pub(super) organizations: &'a [StoredOrganization],
    pub(super) redirect_uri: &'a str,
}

impl Shown<'_> {
    pub(super) fn html(&self) -> String {
        let (_, title) = self.page.words();
        let wrong = self.wrong.map_or_else(String::new, |wrong| {
            format!("<p class=\"wrong\" role=\"alert\">{}</p>", escaped(wrong))
        });
        let body = format!(
            "<p>Step {} of {LAST_PAGE}</p><h1>{title}</h1>{wrong}{}",
            self.page.number(),
            self.body()
        );
        document(title, &body)
    }

    fn body(&self) -> String {
        let (app, project) = (named(self.app), named(&self.project.name));
        let organization = self
            .organization
            .map_or_else(String::new, |one| named(&one.name));
        match self.page {
            Page::Account => {
                let intro =
                    format!("<p>{app} hands the project {project} over to you.</p>");
                let signed_in = self.account.map_or_else(String::new, |email| {
                    let buttons = "<button name=\"action\" value=\"continue\">Continue</button><button name=\"action\" value=\"sign_out\">Use another account</button>";
                    self.form(&format!("<p>Signed in as {}.</p>{buttons}", named(email)))
                });
                let fields = "<label>E-mail <input name=\"email\" type=\"email\" autocomplete=\"username\" required></label><label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label><button name=\"action\" value=\"sign_in\">Sign in</button><button name=\"action\" value=\"sign_up\">Create an account</button>";
                let sign_in = match self.account {
                    Some(_) => String::new(),
                    None => self.form(fields),
                };
                format!("{intro}{signed_in}{sign_in}")
            }
            Page::Organization => {
                let new = self.form("<label>New organization <input name=\"new_organization\" maxlength=\"64\" required></label><button name=\"action\" value=\"new\">Create and continue</button>");
                if self.organizations.is_empty() {
                    return new;
                }
                let mut choices = String::new();
                for one in self.organizations {
                    choices.push_str(&format!(
                        "<label><input type=\"radio\" name=\"organization\" value=\"{}\" required> {}</label>",
                        escaped(&one.slug),
                        named(&one.name)
                    ));
                }
                let button = "<button name=\"action\" value=\"existing\">Continue</button>";
                format!("{}{new}", self.form(&format!("{choices}{button}")))
            }
            Page::Permissions => {
                let mut scopes = String::new();
                for (scope, meaning) in SCOPES {
                    scopes.push_str(&format!("<li>{meaning} <code>{scope}</code></li>"));
                }
                format!(
                    "<p>{app} keeps access to {project}, and may:</p><ul>{scopes}</ul>{}",
                    self.form("<button name=\"action\" value=\"accept\">Continue</button>")
                )
            }
            Page::Project => format!(
                "<p>The project {project} <code>{}</code> moves to {organization}, with its database, its users, its storage, its functions, its secrets and its {} branch(es). From then on its bill is yours.</p>{}",
                self.project.reference,
                self.branches,
                self.form("<button name=\"action\" value=\"accept\">Continue</button>")
            ),
            Page::Confirm => format!(
                "<p>Move {project} to {organization}, and let {app} keep access to it? You are led back to {}.</p>{}",
                named(self.redirect_uri),
                self.form("<button name=\"action\" value=\"confirm\">Confirm</button><button name=\"action\" value=\"cancel\">Cancel</button>")
            ),
        }
    }

    fn form(&self, fields: &str) -> String {
        format!(
            "<form method=\"post\"><input type=\"hidden\" name=\"csrf\" value=\"{}\">{fields}</form>",
            self.csrf
        )
    }
}

/// The page of a link that leads nowhere, or not for this browser.
pub(super) fn over(status: StatusCode) -> String {
    let (title, why) = match status.as_u16() {
        400 => (
            "Not accepted",
            "This form was not made for this browser. Open the link again.",
        ),
        403 => (
            "Not for you",
            "Another account has begun to claim this project.",
        ),
        409 => ("Too late", "This claim has been answered meanwhile."),
        404 => ("Nothing here", "This link is used, expired or wrong."),
        _ => ("It failed", "The local platform failed."),
    };
    document(title, &format!("<h1>{title}</h1><p>{why}</p>"))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
}

/// What the content security policy knows the style by.
pub(super) fn style_hash() -> String {
    BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes()))
}

/// What somebody chose to call something.
fn named(name: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(name))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(one),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{Page, escaped};

    #[test]
    fn no_name_leaves_its_place() {
        assert_eq!(
            escaped("<b a='x' c=\"y\">&"),
            "&lt;b a=&#39;x&#39; c=&quot;y&quot;&gt;&amp;"
        );
    }

    #[test]
    fn pages_follow_each_other() {
        assert_eq!(Page::after(0), Page::Account);
        assert_eq!(Page::after(Page::Account.number()), Page::Organization);
        assert_eq!(Page::after(5), Page::Confirm);
        assert_eq!(Page::named("project"), Some(Page::Project));
    }
}
