use super::prefix::{events, printed};
use super::{Event, Line, Logs, Source};
use crate::api::Ref;
use crate::clock;

const ALWAYS: (i64, i64) = (0, i64::MAX);

/// Logs in a directory of their own, which goes with them.
struct Kept {
    logs: Logs,
    directory: std::path::PathBuf,
}

impl Kept {
    fn new() -> Self {
        let name = format!("drydock-logs-{}", crate::chance::unseen_hex::<8>());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self {
            logs: Logs::open(&directory.join("logs.sqlite"), Vec::new()).unwrap(),
            directory,
        }
    }

    fn reopen(&mut self, known: Vec<Ref>) {
        self.logs = Logs::open(&self.directory.join("logs.sqlite"), known).unwrap();
    }

    async fn lines(&self, reference: &Ref) -> Vec<Line> {
        let (from, to) = ALWAYS;
        self.logs.window(reference, from, to, None).await.unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn reference(letter: char) -> Ref {
    letter.to_string().repeat(20).parse().unwrap()
}

#[tokio::test]
async fn what_was_written_is_there_at_the_next_look_and_after_a_start() {
    let mut kept = Kept::new();
    let (one, other) = (reference('a'), reference('b'));
    kept.logs.write(
        &one,
        Source::Function,
        Event::now("hello").severity("ERROR").with("level", "error"),
    );
    kept.logs.write(&other, Source::Edge, Event::now("GET"));
    let lines = kept.lines(&one).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].message, "hello");
    assert_eq!(lines[0].source, Source::Function);
    assert_eq!(
        lines[0].attributes,
        [("level".to_owned(), "error".to_owned())]
    );
    kept.reopen(vec![one.clone()]);
    assert_eq!(kept.lines(&one).await, lines);
    assert_eq!(kept.lines(&other).await, []);
}

#[tokio::test]
async fn a_ref_that_is_no_more_has_no_lines_and_gets_none() {
    let kept = Kept::new();
    let one = reference('a');
    kept.logs.write(&one, Source::Edge, Event::now("before"));
    kept.logs.forget(&one).await.unwrap();
    kept.logs.write(&one, Source::Edge, Event::now("late"));
    assert_eq!(kept.lines(&one).await, []);
}

#[tokio::test]
async fn secrets_are_gone_before_a_line_is_stored() {
    let kept = Kept::new();
    let one = reference('a');
    let token = format!("sbp_{}", "0123456789".repeat(4));
    kept.logs.write(
        &one,
        Source::Function,
        Event::now(format!("used {token}")).with("db_password", "hunter2hunter2"),
    );
    let text = format!("{:?}", kept.lines(&one).await);
    assert!(
        !text.contains(&token) && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_flood_is_cut_to_what_is_kept_and_its_loss_is_counted() {
    let kept = Kept::new();
    let (one, other) = (reference('a'), reference('b'));
    kept.logs.write(&other, Source::Edge, Event::now("quiet"));
    for _ in 0..20 {
        for _ in 0..10_000 {
            let line = Event::now("x".repeat(1000));
            kept.logs.write(&one, Source::Function, line);
        }
        kept.lines(&other).await;
    }
    let lines = kept.lines(&one).await;
    let bytes: usize = lines.iter().map(Line::bytes).sum();
    assert!(bytes <= 17 * 1024 * 1024, "{bytes}");
    let dropped = lines.iter().any(|line| {
        line.severity == "WARN" && line.attributes.iter().any(|(key, _)| key == "dropped")
    });
    assert!(dropped, "nobody says that lines were dropped");
    assert_eq!(kept.lines(&other).await.len(), 1);
}

#[tokio::test]
async fn a_line_is_cut_where_it_is_too_long() {
    let kept = Kept::new();
    let one = reference('a');
    kept.logs
        .write(&one, Source::Function, Event::now("ä".repeat(100_000)));
    let lines = kept.lines(&one).await;
    assert!(lines[0].message.len() < 17 * 1024);
    assert!(lines[0].message.ends_with("more bytes)"));
}

const PRINTED: &str = "\
2026-11-23 20:54:30.123 UTC|77|69239.4d|1|00000|0|0|postmaster|||LOG:  starting PostgreSQL 15.18
2026-11-23 20:54:31.000 UTC|90|69239.5a|3|42P01|0|12|client backend|SELECT|[local]|postgres|postgres| ERROR:  relation \"x\" does not exist at character 15
2026-11-23 20:54:31.000 UTC|90|69239.5a|4|42P01|0|12|client backend|SELECT|[local]|postgres|postgres| STATEMENT:  select
\t* from x
\t2026-11-23 20:54:31.000 UTC|1|1.1|1|00000|0|0|x|||LOG:  forged
cannot load library
";

#[test]
fn postgresqls_lines_are_read_with_all_that_they_say_more() {
    let lines: Vec<Line> = events(PRINTED, "abc")
        .into_iter()
        .map(|event| event.into_line(&reference('a'), Source::Postgres))
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].message, "starting PostgreSQL 15.18");
    assert_eq!(lines[0].severity, "LOG");
    assert_eq!(lines[0].at, 1_795_467_270_123_000);
    let of = |key: &str| {
        lines[1]
            .attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(lines[1].severity, "ERROR");
    assert_eq!(of("parsed.sql_state_code"), Some("42P01"));
    assert_eq!(of("parsed.user_name"), Some("postgres"));
    assert_eq!(of("parsed.session_id"), Some("69239.5a"));
    let statement = of("parsed.query").unwrap();
    assert!(statement.starts_with("select\n* from x\n"), "{statement}");
    assert!(statement.ends_with("LOG:  forged"), "{statement}");
    assert_eq!(lines[2].message, "cannot load library");
}

/// A line as a server prints it now: an old one would not be kept.
fn server_line(number: u32) -> String {
    let now = printed(clock::unix_micros());
    format!("{now}|77|1.4d|{number}|00000|0|0|x|||LOG:  number {number}\n")
}

#[test]
fn where_a_server_listens_on_this_machine_is_told_to_nobody() {
    let place = server_line(1).replace(
        "number 1",
        "listening on Unix socket \"/srv/data/x/.s.PGSQL.5432\"",
    );
    let found = events(&format!("{place}{}", server_line(2)), "abc");
    assert_eq!(found.len(), 1);
}

fn append(path: &std::path::Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_servers_file_is_read_once_also_when_it_is_set_aside() {
    let mut kept = Kept::new();
    let one = reference('a');
    let path = kept.directory.join("log");
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    append(&path, &server_line(1));
    // Half a line waits for its other half.
    let second = server_line(2);
    append(&path, &second[..40]);
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    append(&path, &second[40..]);
    kept.reopen(vec![one.clone()]);
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    append(&path, &server_line(3));
    std::fs::rename(&path, path.with_extension("old")).unwrap();
    append(&path, &server_line(4));
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    let messages: Vec<String> = kept
        .lines(&one)
        .await
        .into_iter()
        .map(|line| line.message)
        .collect();
    assert_eq!(messages, ["number 1", "number 2", "number 3", "number 4"]);
}

#[tokio::test]
async fn what_was_read_of_a_large_file_is_given_back_and_what_was_passed_over_is_said() {
    use std::os::unix::fs::MetadataExt;
    let kept = Kept::new();
    let one = reference('a');
    let path = kept.directory.join("log");
    let many: String = (0..150_000).map(server_line).collect();
    append(&path, &many);
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    let lines = kept.lines(&one).await;
    let is_said = |line: &&Line| line.message.contains("were dropped here");
    assert_eq!(lines.iter().filter(is_said).count(), 1);
    assert!(lines.iter().any(|line| line.message == "number 149999"));
    let meta = path.metadata().unwrap();
    assert_eq!(meta.len(), many.len() as u64);
    if cfg!(target_os = "linux") {
        assert!(
            meta.blocks() * 512 < 1024 * 1024,
            "{} blocks",
            meta.blocks()
        );
    }
    append(&path, &server_line(150_000));
    kept.logs.read_file(&one, "7", &path).await.unwrap();
    let again = kept.lines(&one).await;
    assert!(again.iter().any(|line| line.message == "number 150000"));
    let twice = again.iter().filter(|line| line.message == "number 149999");
    assert_eq!(twice.count(), 1);
}
