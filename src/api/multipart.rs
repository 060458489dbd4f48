//! Bodies that are forms of several parts: how deployments of functions travel, both ways.

use bytes::Bytes;
use futures_util::stream;

use super::error::ApiError;
use crate::chance;

/// One part of a form.
#[derive(Debug, Clone)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, where the part is a file.
    pub filename: Option<String>,
    /// What it holds, as a media type.
    pub content_type: &'static str,
    /// The content.
    pub content: Bytes,
}

/// What can travel as a form.
pub trait Multipart: Sized {
    /// Its parts, in order.
    fn to_parts(&self) -> Result<Vec<Part>, String>;
    /// What these parts stand for, or why they stand for nothing.
    fn from_parts(parts: Vec<Part>) -> Result<Self, String>;
}

/// How a body or a reply travels as a form.
pub struct Form<T> {
    to_parts: fn(&T) -> Result<Vec<Part>, String>,
    from_parts: fn(Vec<Part>) -> Result<T, String>,
}

impl<T: Multipart> Form<T> {
    /// For an endpoint's declaration.
    pub const fn of() -> Self {
        Self {
            to_parts: T::to_parts,
            from_parts: T::from_parts,
        }
    }
}

impl<T> Form<T> {
    /// The value as bytes, with the content type that says where one part ends.
    pub fn encode(&self, value: &T) -> Result<(String, Vec<u8>), String> {
        let boundary = format!("drydock-{}", chance::unseen_hex::<16>());
        let mut bytes = Vec::new();
        for part in (self.to_parts)(value)? {
            let name = quoted(&part.name);
            let filename = match &part.filename {
                Some(filename) => format!("; filename=\"{}\"", quoted(filename)),
                None => String::new(),
            };
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\nContent-Type: {}\r\n\r\n",
                part.content_type
            );
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(&part.content);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok((format!("multipart/form-data; boundary={boundary}"), bytes))
    }

    /// Reads what [`Form::encode`], or any other client, wrote.
    pub async fn decode(&self, content_type: &str, bytes: Bytes) -> Result<T, String> {
        let boundary = multer::parse_boundary(content_type)
            .map_err(|_| "the body is no multipart/form-data".to_owned())?;
        let body = stream::once(async move { Ok::<_, ApiError>(bytes) });
        let mut form = multer::Multipart::new(body, boundary);
        let unreadable = |error: multer::Error| format!("the form cannot be read: {error}");
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            let filename = field.file_name().map(str::to_owned);
            let content = field.bytes().await.map_err(unreadable)?;
            parts.push(Part {
                name,
                filename,
                content_type: "application/octet-stream",
                content,
            });
        }
        (self.from_parts)(parts)
    }
}

/// As browsers write a name into a quoted string.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
