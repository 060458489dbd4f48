//! An endpoint of the Management API, declared once.
//!
//! The HTTP client sends it, the local platform serves it and the contract tests compare it with
//! the published description, all from the same declaration.

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::multipart::Form;
use super::reference::Ref;

/// One operation of the Management API.
pub trait Endpoint: Send + Sync + 'static {
    /// The operation's name in this code, for logs and traces.
    const NAME: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path, with `{parameters}` in braces.
    const PATH: &'static str;
    /// The status of a success.
    const STATUS: u16;
    /// The permission that an access token needs for it, in the platform's own word; empty where it
    /// needs none of its own. From `x-fga-permissions` of the platform's description.
    const PERMISSION: &'static str;
    /// What the path's parameters are made of.
    type Path: PathParams;
    /// The query string; `()` for none.
    type Query: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The body, in JSON unless it has a form; `()` for none.
    type Body: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The reply, in JSON unless it has a form; `()` for an empty one.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// How the body travels, where it is not JSON.
    const BODY_FORM: Option<Form<Self::Body>> = None;
    /// How the reply travels, where it is not JSON.
    const REPLY_FORM: Option<Form<Self::Reply>> = None;
    /// What it takes to call it.
    type Access: Access;
}

/// What it takes to call an endpoint: [`Looks`], [`WritesBranch`] or [`Releases`].
pub trait Access: private::Sealed {}

/// Changes nothing: anyone who holds a client may call it.
pub enum Looks {}
/// Changes a branch: takes a proven [`DevBranch`](super::DevBranch).
pub enum WritesBranch {}
/// Reaches production, or costs money: takes a [`ReleasePermit`](super::ReleasePermit).
pub enum Releases {}

impl Access for Looks {}
impl Access for WritesBranch {}
impl Access for Releases {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Looks {}
    impl Sealed for super::WritesBranch {}
    impl Sealed for super::Releases {}
}

/// Values for the `{parameters}` of a path, in the order in which they stand there.
pub trait PathParams: DeserializeOwned + Send + Sync + 'static {
    /// The values; they are percent-encoded when the path is built.
    fn values(&self) -> Vec<&str>;
}

impl PathParams for () {
    fn values(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl PathParams for Ref {
    fn values(&self) -> Vec<&str> {
        vec![self.as_str()]
    }
}

impl PathParams for String {
    fn values(&self) -> Vec<&str> {
        vec![self]
    }
}

impl PathParams for (String, String) {
    fn values(&self) -> Vec<&str> {
        vec![&self.0, &self.1]
    }
}

impl PathParams for (Ref, String) {
    fn values(&self) -> Vec<&str> {
        vec![self.0.as_str(), &self.1]
    }
}

/// Declares endpoints:
/// `Name: Access METHOD "path" (Path) [?Query] [{Body}] => status Reply [, needs "permission"];`
/// A body or a reply that travels as a form of several parts says `as Form`.
macro_rules! endpoints {
    ($(
        $(#[$doc:meta])*
        $name:ident: $access:ident $method:ident $path:literal ($params:ty)
        $(? $query:ty)? $({ $body:ty $(as $body_form:ident)? })? => $status:literal $reply:ty
        $(as $reply_form:ident)? $(, needs $permission:literal)?;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl $crate::api::endpoint::Endpoint for $name {
            const NAME: &'static str = stringify!($name);
            const METHOD: http::Method = http::Method::$method;
            const PATH: &'static str = $path;
            const STATUS: u16 = $status;
            const PERMISSION: &'static str = concat!($($permission)?);
            type Path = $params;
            type Query = endpoints!(@or_unit $($query)?);
            type Body = endpoints!(@or_unit $($body)?);
            type Reply = $reply;
            type Access = $crate::api::endpoint::$access;
            $($(const BODY_FORM: Option<endpoints!(@$body_form Self::Body)> =
                Some(<endpoints!(@$body_form Self::Body)>::of());)?)?
            $(const REPLY_FORM: Option<endpoints!(@$reply_form Self::Reply)> =
                Some(<endpoints!(@$reply_form Self::Reply)>::of());)?
        }
    )*};
    (@Form $form:ty) => { $crate::api::multipart::Form<$form> };
    (@or_unit) => { () };
    (@or_unit $given:ty) => { $given };
}
pub(crate) use endpoints;

/// Reads a field that is there, so that null differs from a field that is not.
pub(super) fn present<'de, D, T>(given: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(given).map(Some)
}

/// Fills a path's parameters in, each percent-encoded as one segment.
pub(crate) fn fill_path(path: &str, values: &[&str]) -> String {
    let mut filled = String::with_capacity(path.len() + 40);
    let mut values = values.iter();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        if let Some(value) = values.next() {
            encode_segment(value, &mut filled);
        }
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    filled.push_str(rest);
    filled
}

fn encode_segment(value: &str, out: &mut String) {
    use std::fmt::Write;
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fill_path;

    #[test]
    fn a_value_cannot_leave_its_segment() {
        assert_eq!(
            fill_path("/v1/projects/{ref}/branches/{name}", &["abc", "../x?y"]),
            "/v1/projects/abc/branches/%2E%2E%2Fx%3Fy"
        );
    }
}
