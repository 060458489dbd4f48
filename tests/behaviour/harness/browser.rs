//! A browser without a screen: it keeps one cookie, follows nothing by itself, and fills in forms.

use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};

use super::api::http_client;

/// A browser.
pub(crate) struct Browser {
    http: reqwest::Client,
    base: String,
    cookie: Option<String>,
}

/// A page, or where the browser is led.
pub(crate) struct Page {
    /// The status.
    pub(crate) status: u16,
    /// Where to, if anywhere.
    pub(crate) location: Option<String>,
    /// What it says.
    pub(crate) text: String,
    /// Its headers.
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Page {
    /// What the hidden field of its forms holds.
    pub(crate) fn csrf(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("name=\"csrf\" value=\"")
            .unwrap_or_else(|| panic!("no form: {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    /// A browser that knows the pages of `base`.
    pub(crate) fn new(base: &str) -> Self {
        Self {
            http: http_client(),
            base: base.to_owned(),
            cookie: None,
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
        origin: &str,
    ) -> Page {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let mut request = self.http.request(method, url);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(form) = form {
            request = request.form(form).header(ORIGIN, origin);
        }
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        if let Some(set) = headers.get(SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(
                set.contains("HttpOnly") && set.contains("SameSite=Lax"),
                "{set}"
            );
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        Page {
            status: response.status().as_u16(),
            location: headers
                .get(LOCATION)
                .map(|value| value.to_str().unwrap().to_owned()),
            text: response.text().await.unwrap(),
            headers,
        }
    }

    /// Opens a page, and goes where it is led.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let mut page = self.send(Method::GET, path, None, "").await;
        while page.status == 303 {
            let location = page.location.clone().unwrap();
            page = self.send(Method::GET, &location, None, "").await;
        }
        page
    }

    /// Opens a page and sends its form.
    pub(crate) async fn fill(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.open(path).await.csrf();
        self.fill_with(path, fields, &csrf).await
    }

    /// Sends a form with this hidden field.
    pub(crate) async fn fill_with(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        csrf: &str,
    ) -> Page {
        let origin = self.base.clone();
        let form: Vec<_> = fields.iter().copied().chain([("csrf", csrf)]).collect();
        self.send(Method::POST, path, Some(&form), &origin).await
    }

    /// Walks the five pages with a new account and a new organization. Gives where it leads.
    pub(crate) async fn claim(&mut self, link: &str, email: &str, organization: &str) -> String {
        self.claim_up_to_confirm(link, email, organization).await;
        let page = self
            .fill(&format!("{link}/confirm"), &[("action", "confirm")])
            .await;
        assert_eq!(page.status, 303, "{}", page.text);
        page.location.unwrap()
    }

    /// The same without the last.
    pub(crate) async fn claim_up_to_confirm(
        &mut self,
        link: &str,
        email: &str,
        organization: &str,
    ) {
        let pages: [(&str, &[(&str, &str)]); 4] = [
            (
                "account",
                &[
                    ("action", "sign_up"),
                    ("email", email),
                    ("password", "correct horse"),
                ],
            ),
            (
                "organization",
                &[("action", "new"), ("new_organization", organization)],
            ),
            ("permissions", &[("action", "accept")]),
            ("project", &[("action", "accept")]),
        ];
        for (page, fields) in pages {
            let answered = self.fill(&format!("{link}/{page}"), fields).await;
            assert_eq!(answered.status, 303, "{page}: {}", answered.text);
        }
    }
}
