//! What the platform holds: databases, functions, settings, projects.

use regex::Regex;
use serde_json::Value;

use super::{Evidence, Found, branch_of, list, means_the_same, text};
use crate::eval::platform::Platform;
use crate::eval::scenario::{Check, Checked, Level};

impl Evidence<'_> {
    pub(super) async fn look_at_platform(&self, checked: &Checked) -> Found {
        let platform = self.workspace.platform();
        if let Check::Project {
            name,
            present,
            status,
        } = &checked.check
        {
            return look_at_project(&platform, &self.variables.fill(name)?, *present, status).await;
        }
        let project = self.variables.fill(&checked.project)?;
        if let Check::Branch { name, present } = &checked.check {
            let is = find_branch(&platform, &project, name).await?.is_some();
            return Ok((is == *present, said(is)));
        }
        let reference = reference_of(&platform, &project, &checked.on).await?;
        let at = |rest: &str| format!("/v1/projects/{reference}/{rest}");
        match &checked.check {
            Check::Sql {
                query,
                equals,
                at_least,
                at_most,
            } => {
                let query = self.variables.fill(query)?;
                let rows = platform.query(&reference, &query, true).await?;
                let shown = Value::Array(rows.clone()).to_string();
                if let Some(wanted) = equals {
                    let wanted = self.variables.fill_value(&Value::Array(wanted.clone()))?;
                    return Ok((means_the_same(&Value::Array(rows), &wanted), shown));
                }
                let first = rows
                    .first()
                    .and_then(|row| row.as_object()?.values().next());
                let number = first
                    .and_then(number)
                    .ok_or("the first column is no number")?;
                Ok((is_within(number, *at_least, *at_most), shown))
            }
            Check::Migration {
                name,
                at_least,
                at_most,
            } => {
                let listed = list(&platform, &at("database/migrations")).await?;
                let names = listed.iter().map(|one| text(one, "name"));
                count(names, name.as_deref(), *at_least, *at_most)
            }
            Check::Advisor {
                kind,
                clean_of,
                level,
            } => {
                let lints = lints(&platform, &at(&format!("advisors/{kind}"))).await?;
                let found: Vec<_> = lints
                    .iter()
                    .filter(|(name, grave)| {
                        clean_of.contains(name) || level.is_some_and(|least| *grave >= least)
                    })
                    .map(|(name, _)| name.as_str())
                    .collect();
                Ok((found.is_empty(), format!("found: {}", found.join(", "))))
            }
            Check::Lint { kind, name } => {
                let lints = lints(&platform, &at(&format!("advisors/{kind}"))).await?;
                let is = lints.iter().any(|(found, _)| found == name);
                Ok((is, said(is)))
            }
            Check::Function {
                slug,
                present,
                contains,
                lacks,
            } => {
                let functions = list(&platform, &at("functions")).await?;
                let is = functions.iter().any(|one| text(one, "slug") == *slug);
                if !is || !*present {
                    return Ok((is == *present, said(is)));
                }
                let body = platform
                    .text(&at(&format!("functions/{slug}/body")))
                    .await?;
                let body = body.unwrap_or_default();
                let has = contains.as_ref().is_none_or(|wanted| body.contains(wanted));
                let lacks = lacks.as_ref().is_none_or(|bad| !body.contains(bad));
                Ok((has && lacks, format!("sources of {} bytes", body.len())))
            }
            Check::Secret { name, present } => {
                let secrets = list(&platform, &at("secrets")).await?;
                let is = secrets.iter().any(|one| text(one, "name") == *name);
                Ok((is == *present, said(is)))
            }
            Check::Config {
                service,
                field,
                equals,
            } => {
                let path = match service.as_str() {
                    "data_api" => "postgrest".to_owned(),
                    "database" => "config/database/postgres".to_owned(),
                    other => format!("config/{other}"),
                };
                let found = platform.get(&at(&path)).await?.unwrap_or_default();
                let value = field.split('.').fold(&found, |value, key| &value[key]);
                let wanted = self.variables.fill_value(equals)?;
                Ok((means_the_same(value, &wanted), value.to_string()))
            }
            Check::RestorePoint {
                name,
                at_least,
                at_most,
            } => {
                let points = self
                    .workspace
                    .restore_points(&reference)
                    .await
                    .map_err(|error| error.to_string())?;
                count(points.into_iter(), name.as_deref(), *at_least, *at_most)
            }
            _ => Err("not of the platform".to_owned()),
        }
    }
}

fn said(is: bool) -> String {
    if is { "it is there" } else { "it is not there" }.to_owned()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
        _ => None,
    }
}

fn is_within(number: f64, at_least: Option<f64>, at_most: Option<f64>) -> bool {
    at_least.is_none_or(|least| number >= least) && at_most.is_none_or(|most| number <= most)
}

fn count(
    names: impl Iterator<Item = String>,
    pattern: Option<&str>,
    at_least: Option<u64>,
    at_most: Option<u64>,
) -> Found {
    let pattern = match pattern {
        Some(pattern) => Some(Regex::new(pattern).map_err(|error| error.to_string())?),
        None => None,
    };
    let found: Vec<String> = names
        .filter(|name| pattern.as_ref().is_none_or(|one| one.is_match(name)))
        .collect();
    let number = found.len() as u64;
    let least = at_least.unwrap_or(u64::from(at_most.is_none()));
    let holds = number >= least && at_most.is_none_or(|most| number <= most);
    Ok((holds, format!("found: {}", found.join(", "))))
}

async fn lints(platform: &Platform, path: &str) -> Result<Vec<(String, Level)>, String> {
    let found = platform.get(path).await?.unwrap_or_default();
    let lints = found["lints"]
        .as_array()
        .ok_or("the advisor answers no lints")?;
    Ok(lints
        .iter()
        .map(|lint| {
            let level = match lint["level"].as_str() {
                Some("ERROR") => Level::Error,
                Some("WARN") => Level::Warn,
                _ => Level::Info,
            };
            (text(lint, "name"), level)
        })
        .collect())
}

async fn look_at_project(
    platform: &Platform,
    name: &str,
    present: bool,
    status: &Option<String>,
) -> Found {
    let projects = list(platform, "/v1/projects").await?;
    let Some(found) = projects.iter().find(|one| text(one, "name") == name) else {
        return Ok((!present, said(false)));
    };
    let is = text(found, "status");
    let fits = status.as_ref().is_none_or(|wanted| *wanted == is);
    Ok((present && fits, is))
}

async fn find_branch(
    platform: &Platform,
    project: &str,
    name: &str,
) -> Result<Option<String>, String> {
    let branches = list(platform, &format!("/v1/projects/{project}/branches")).await?;
    Ok(branches
        .iter()
        .find(|branch| branch["is_default"] == false && text(branch, "name") == name)
        .map(|branch| text(branch, "project_ref")))
}

/// The ref of what a scenario's `on` names.
pub(in crate::eval) async fn reference_of(
    platform: &Platform,
    project: &str,
    on: &str,
) -> Result<String, String> {
    if on == "production" {
        return Ok(project.to_owned());
    }
    let found = find_branch(platform, project, branch_of(on)).await?;
    found.ok_or_else(|| format!("there is no branch {}", branch_of(on)))
}
