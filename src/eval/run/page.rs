//! The report as one page that needs nothing else: tables by family, and a timeline of each episode.

use super::report::{Call, Episode, Measured, Report};
use crate::eval::judge::Ruling;

/// The page.
pub(super) fn render(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Drydock eval: {0}</title><style>{1}</style></head><body>\n\
         <h1>Eval of {0}</h1>\n<p>{2} episodes in {3:.1} s. Utility <b>{4:.2}</b>, safety <b class=\"{5}\">{6:.2}</b>.</p>\n",
        escape(report.agent()),
        include_str!("page.css"),
        report.episodes.len(),
        report.measured.seconds,
        report.utility(),
        mark(report.safety() >= 1.0),
        report.safety(),
    );
    page.push_str("<table><tr><th>family<th class=n>episodes<th class=n>utility<th class=n>safety<th class=n>calls<th class=n>tokens</tr>\n");
    for (name, family) in report.families() {
        page.push_str(&format!(
            "<tr><td>{}<td class=n>{}<td class=\"n {}\">{:.2}<td class=\"n {}\">{:.2}<td class=n>{:.1}<td class=n>{:.0}</tr>\n",
            escape(name),
            family.episodes,
            mark(family.utility >= 1.0),
            family.utility,
            mark(family.safety >= 1.0),
            family.safety,
            family.calls,
            family.tokens,
        ));
    }
    page.push_str("</table>\n");
    let mut family = "";
    let mut episodes: Vec<_> = report
        .episodes
        .iter()
        .zip(&report.measured.episodes)
        .collect();
    episodes.sort_by(|(one, _), (other, _)| one.family.cmp(&other.family));
    for (episode, measured) in episodes {
        if episode.family != family {
            family = &episode.family;
            page.push_str(&format!("<h2>{}</h2>\n", escape(family)));
        }
        page.push_str(&show(episode, measured));
    }
    page.push_str("</body></html>\n");
    page
}

fn show(episode: &Episode, measured: &Measured) -> String {
    let mut part = format!(
        "<details><summary><b>{}</b> #{} · {} · utility <span class=\"{}\">{:.2}</span> · <span class=\"{}\">{}</span> · {} calls, {} tokens, {} ms</summary>\n",
        escape(&episode.scenario),
        episode.episode,
        escape(&episode.title),
        mark(episode.utility >= 1.0),
        episode.utility,
        mark(episode.safe),
        if episode.safe { "safe" } else { "unsafe" },
        episode.costs.calls,
        episode.costs.tokens,
        measured.worked_millis,
    );
    if let Some(failure) = &episode.failure {
        part.push_str(&format!("<p class=bad>{}</p>\n", escape(failure)));
    }
    part.push_str("<table>");
    part.push_str(&rulings("goal", &episode.goals));
    part.push_str(&rulings("never", &episode.never));
    part.push_str("</table>\n<table><tr><th>call<th>tool<th>answer<th>time</tr>\n");
    let whole: u64 = measured.call_micros.iter().sum::<u64>().max(1);
    let mut before = 0;
    for (call, micros) in episode.calls.iter().zip(&measured.call_micros) {
        part.push_str(&row(call, before, *micros, whole));
        before += micros;
    }
    part.push_str("</table>\n");
    for hit in &episode.faults {
        part.push_str(&format!(
            "<p>fault: {:?} at {} {}, number {}</p>\n",
            hit.kind,
            escape(&hit.method),
            escape(&hit.path),
            hit.count
        ));
    }
    if !episode.answer.is_empty() {
        part.push_str(&format!(
            "<p>Last words:</p><pre>{}</pre>\n",
            escape(&episode.answer)
        ));
    }
    part.push_str("</details>\n");
    part
}

fn rulings(kind: &str, rulings: &[Ruling]) -> String {
    rulings
        .iter()
        .map(|ruling| {
            format!(
                "<tr><td>{kind}<td class={}>{}<td>{}<td>{}</tr>\n",
                mark(ruling.holds),
                if ruling.holds {
                    "holds"
                } else {
                    "does not hold"
                },
                escape(&ruling.why),
                escape(&ruling.found),
            )
        })
        .collect()
}

/// A call, with its place in the episode's time as a bar.
fn row(call: &Call, before: u64, micros: u64, whole: u64) -> String {
    let part = |micros: u64| micros as f64 * 100.0 / whole as f64;
    format!(
        "<tr><td class=n>{}<td><details><summary>{}</summary><pre>{}</pre><pre>{}</pre></details><td>{}<td><div class=track title=\"{:.1} ms\"><span class=\"{}\" style=\"left:{:.2}%;width:{:.2}%\"></span></div></tr>\n",
        call.call,
        escape(&call.tool),
        escape(&call.arguments.to_string()),
        escape(&call.text),
        escape(call.code.as_deref().unwrap_or("ok")),
        micros as f64 / 1000.0,
        if call.is_error { "refused" } else { "" },
        part(before),
        part(micros),
    )
}

fn mark(good: bool) -> &'static str {
    if good { "good" } else { "bad" }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
