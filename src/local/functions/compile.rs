//! Compiling a bundle: what does not compile is refused in the compiler's words.
//!
//! Deno reads modules without asking for permission when it compiles, so what a function imports is
//! listed first, and a module on this machine that is none of its own files is refused before
//! anything of it could be quoted. Types are not checked, as on the platform.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::process::Command;

use super::bundle::Checked;
use super::error::{Doing, FunctionError};
use super::{Functions, config_path, url_of};

/// How long one step may take: packages may have to be fetched.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of a compiler's message.
const MESSAGE: usize = 4096;
/// Variables that fetching packages needs, and nothing else that this process knows.
const FETCHING: [&str; 10] = [
    "DENO_CERT",
    "DENO_TLS_CA_STORE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "JSR_URL",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "NPM_CONFIG_REGISTRY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];
/// A module of types alone that the platform's own examples begin with: nothing has to be fetched.
const TYPES_ALONE: &str = "edge-runtime.d.ts";

impl Functions {
    /// Compiles what lies in `dir`, or says why not.
    pub(super) async fn compile(&self, checked: &Checked, dir: &Path) -> Result<(), FunctionError> {
        let source = dir.join("source");
        let config = config(checked)?;
        let path = config_path(&source, checked.manifest.import_map.as_deref());
        std::fs::write(&path, config.to_string()).doing("write", &path)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .doing("open", &path)?;
        let entrypoint = source.join(&checked.manifest.entrypoint);
        let listed = self
            .deno_reads(&["info", "--json"], &path, &entrypoint)
            .await?;
        let graph: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        let Some(modules) = graph["modules"].as_array() else {
            return Err(FunctionError::Refused(said(&listed, &source)));
        };
        if let Some(foreign) = foreign_module(modules, &source) {
            return Err(FunctionError::Refused(format!(
                "the function imports {foreign}, which is none of its files"
            )));
        }
        let compiled = self.deno_reads(&["cache"], &path, &entrypoint).await?;
        if compiled.status.success() {
            return Ok(());
        }
        let mut message = said(&compiled, &source);
        let fetches = ["https://", "http://", "npm", "jsr", "JSR"];
        if fetches.iter().any(|word| message.contains(word)) {
            message.push_str(
                "\nModules from elsewhere are fetched when a function is deployed: this machine needs network, or a registry, for these.",
            );
        }
        Err(FunctionError::Refused(message))
    }

    async fn deno_reads(
        &self,
        what: &[&str],
        config: &Path,
        entrypoint: &Path,
    ) -> Result<Output, FunctionError> {
        let deno = self.deno().await?;
        let mut command = Command::new(&deno);
        command
            .args(what)
            .args(["--quiet", "--no-lock", "--node-modules-dir=none"])
            .arg("--config")
            .arg(config)
            .arg(entrypoint)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .process_group(0);
        self.scrub(&mut command);
        for name in FETCHING {
            for name in [name.to_owned(), name.to_lowercase()] {
                if let Some(value) = std::env::var_os(&name) {
                    command.env(&name, value);
                }
            }
        }
        self.run_as.apply(&mut command);
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .map_err(|_| {
                FunctionError::Refused(format!(
                    "the function was not compiled within {} seconds",
                    PATIENCE.as_secs()
                ))
            })?;
        output.doing("run", &deno)
    }
}

/// What Deno is configured with: the function's own imports and its way with JSX, and nothing else of
/// what a configuration can ask for.
fn config(checked: &Checked) -> Result<Value, FunctionError> {
    let mut given = Map::new();
    if let Some(path) = &checked.manifest.import_map {
        let content = checked
            .content(path)
            .map(|content| &content[..])
            .unwrap_or_default();
        given = serde_json::from_slice(content).map_err(|error| {
            FunctionError::Refused(format!("{path} is no JSON object: {error}"))
        })?;
    }
    let mut imports = match given.remove("imports") {
        Some(Value::Object(imports)) => imports,
        _ => Map::new(),
    };
    for specifier in types_alone(checked) {
        imports
            .entry(specifier)
            .or_insert_with(|| json!("data:application/typescript,export%20%7B%7D"));
    }
    let mut config = json!({ "imports": imports });
    if let Some(scopes) = given.remove("scopes") {
        config["scopes"] = scopes;
    }
    if let Some(Value::Object(mut options)) = given.remove("compilerOptions") {
        options.retain(|name, _| name.starts_with("jsx"));
        config["compilerOptions"] = Value::Object(options);
    }
    Ok(config)
}

/// Specifiers, of whatever version, of the platform's module of types.
fn types_alone(checked: &Checked) -> Vec<String> {
    let mut found = Vec::new();
    for content in &checked.contents {
        let text = String::from_utf8_lossy(content);
        for (start, _) in text.match_indices("jsr:@supabase/functions-js") {
            let rest = text.get(start..).unwrap_or_default();
            let end = rest.find(['"', '\'', '`', '\n']).unwrap_or(rest.len());
            let specifier = rest.get(..end).unwrap_or_default();
            if specifier.ends_with(TYPES_ALONE) {
                found.push(specifier.to_owned());
            }
        }
    }
    found
}

/// A module that lies on this machine and not in `source`.
fn foreign_module(modules: &[Value], source: &Path) -> Option<String> {
    let own = format!("{}/", url_of(source));
    modules
        .iter()
        .flat_map(|module| {
            let dependencies = module["dependencies"].as_array().into_iter().flatten();
            let resolved =
                dependencies.flat_map(|one| [&one["code"]["specifier"], &one["type"]["specifier"]]);
            resolved.chain([&module["specifier"]]).collect::<Vec<_>>()
        })
        .filter_map(Value::as_str)
        .find(|specifier| specifier.starts_with("file:") && !specifier.starts_with(&own))
        .map(str::to_owned)
}

/// What Deno says, with the function's own paths, and without what it adds for its makers.
fn said(output: &Output, source: &Path) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.split("\nStack backtrace:").next().unwrap_or_default();
    let text = text
        .replace(&format!("{}/", url_of(source)), "")
        .replace(&format!("{}/", source.display()), "");
    let text = text.trim().trim_start_matches("error: ").trim();
    let end = text.floor_char_boundary(MESSAGE);
    match text.get(..end) {
        Some("") | None => format!("Deno ended with {}", output.status),
        Some(text) => text.to_owned(),
    }
}
