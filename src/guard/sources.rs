//! What an agent wants deployed, checked before it is sent: names, paths, sizes, and no secrets.

use super::functions::own_path;
use super::{Code, Refusal, WantedFunction};
use crate::api::functions::{DeployMetadata, Deployment, Function, SourceFile};
use crate::fence::quote;
use crate::redact;

/// The platform's limit on a function, in bytes.
const MOST_BYTES: usize = 20 * 1024 * 1024;
/// The most files that are taken.
const MOST_FILES: usize = 1000;
/// Import maps that are taken where none is named, as by the platform's own clients.
const IMPORT_MAPS: [&str; 3] = ["deno.json", "deno.jsonc", "import_map.json"];

/// What the platform takes as a slug.
pub(super) fn check_slug(slug: &str) -> Result<(), Refusal> {
    let begins = slug.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_plain = slug
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !begins || !is_plain || slug.len() > 128 {
        return Err(Refusal::invalid(
            "a function is called by at most 128 letters, digits, - and _, and begins with a letter",
        ));
    }
    Refusal::unless_harmless("function's name", slug)
}

/// The deployment that an agent wants, if the platform could take it and no secret stands in it.
pub(super) fn checked(wanted: WantedFunction) -> Result<Deployment, Refusal> {
    if wanted.files.len() > MOST_FILES {
        return Err(Refusal::invalid(format!(
            "a function has at most {MOST_FILES} files"
        )));
    }
    let bytes: usize = wanted.files.iter().map(|(_, content)| content.len()).sum();
    if bytes > MOST_BYTES {
        return Err(Refusal::invalid(format!(
            "the files have {bytes} bytes together, and the platform takes at most {MOST_BYTES}"
        )));
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, content) in &wanted.files {
        check_path("a file's name", name)?;
        if names.contains(&name.as_str()) {
            return Err(Refusal::invalid(format!(
                "two files are called {}",
                quote(name)
            )));
        }
        names.push(name);
        refuse_secrets(name, content)?;
    }
    check_path("entrypoint_path", &wanted.entrypoint_path)?;
    for path in [
        Some(&wanted.entrypoint_path),
        wanted.import_map_path.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        if !names.contains(&path.as_str()) {
            return Err(Refusal::invalid(format!(
                "{} is not among files: {}",
                quote(path),
                quote(names.join(", "))
            )));
        }
    }
    for pattern in &wanted.static_patterns {
        check_path("a static pattern", pattern)?;
    }
    Ok(Deployment {
        metadata: DeployMetadata {
            entrypoint_path: wanted.entrypoint_path,
            import_map_path: wanted.import_map_path,
            static_patterns: Some(wanted.static_patterns).filter(|patterns| !patterns.is_empty()),
            verify_jwt: wanted.verify_jwt,
            name: Some(wanted.name),
        },
        file: wanted
            .files
            .into_iter()
            .map(|(path, content)| SourceFile {
                path,
                content: content.into(),
            })
            .collect(),
    })
}

/// A path that stays inside the function.
fn check_path(what: &str, path: &str) -> Result<(), Refusal> {
    let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let is_text = !path.contains(['\\', ':']) && !path.chars().any(char::is_control);
    if !is_plain || !is_text || path.len() > 512 {
        return Err(Refusal::invalid(format!(
            "{what} is a relative path without .., and {} is none",
            quote(path)
        )));
    }
    Refusal::unless_harmless("path", path)
}

/// What the call left open is as it was, or as the platform's own clients choose it.
pub(super) fn fill_in(deployment: &mut Deployment, before: Option<&Function>) {
    let metadata = &mut deployment.metadata;
    let has = |path: &str| deployment.file.iter().any(|file| file.path == path);
    if metadata.import_map_path.is_none() {
        let known = before.and_then(|function| function.import_map_path.as_deref());
        let known = known.map(own_path).filter(|path| has(path));
        let usual = || IMPORT_MAPS.iter().find(|path| has(path));
        metadata.import_map_path = known.or_else(|| usual().map(|path| (*path).to_owned()));
    }
    if metadata.verify_jwt.is_none() {
        let known = before.and_then(|function| function.verify_jwt);
        metadata.verify_jwt = Some(known.unwrap_or(true));
    }
}

/// Sources are read by everybody who may look, and stay in every version.
fn refuse_secrets(name: &str, content: &str) -> Result<(), Refusal> {
    let Some(line) = redact::line_of_secret(content) else {
        return Ok(());
    };
    Err(Refusal::new(
        Code::SecretInSource,
        format!(
            "line {line} of {} spells out what looks like a secret, so nothing was deployed: keep it as a secret of the branch, and read it with Deno.env.get",
            quote(name)
        ),
    ))
}
