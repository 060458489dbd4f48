//! Traces of calls, as a collector gets them from the real program: `cargo test --features otel --test telemetry`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const TOKEN: &str = "sbp_0123456789abcdef0123456789abcdef01234567";
const KEY: &str = "a-collector-key-0123456789";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// What was sent to a collector: the headers and the body of each export.
type Exports = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A platform that knows one project, and a collector, on one address.
struct Outside {
    base: String,
    exports: Exports,
}

impl Outside {
    async fn open() -> Self {
        let exports = Exports::default();
        let gathered = Arc::clone(&exports);
        let project = json!([{
            "id": "abcdefghijklmnopqrst", "ref": "abcdefghijklmnopqrst", "organization_id": "acme",
            "organization_slug": "acme", "name": "Shop", "region": "eu-central-1",
            "created_at": "2026-01-02T03:04:05.678Z", "status": "ACTIVE_HEALTHY",
            "database": {
                "host": "db.example.com", "version": "17.6", "postgres_engine": "17",
                "release_channel": "ga",
            },
        }]);
        let routes = Router::new()
            .route("/v1/projects", get(async move || Json(project)))
            .route(
                "/v1/traces",
                post(async move |headers: HeaderMap, body: Bytes| {
                    gathered.lock().unwrap().push((headers, body));
                }),
            );
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base, exports }
    }

    fn exports(&self) -> Vec<(HeaderMap, Bytes)> {
        self.exports.lock().unwrap().clone()
    }

    /// Every span that has come, as OTLP's JSON writes it.
    fn spans(&self) -> Vec<Span> {
        let bodies = self.exports().into_iter().map(|(_, body)| body);
        let resources = bodies.flat_map(|body| {
            let body: Value = serde_json::from_slice(&body).expect("OTLP in JSON");
            body["resourceSpans"].as_array().expect("resources").clone()
        });
        let spans = resources.flat_map(|resource| {
            assert_eq!(attribute(&resource["resource"], "service.name"), "drydock");
            let scopes = resource["scopeSpans"].as_array().expect("scopes").clone();
            scopes
                .into_iter()
                .flat_map(|scope| scope["spans"].as_array().expect("spans").clone())
        });
        spans.map(Span).collect()
    }
}

#[derive(Debug)]
struct Span(Value);

impl Span {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn attribute(&self, key: &str) -> Value {
        attribute(&self.0, key)
    }
}

/// An attribute's value, whatever its type; null where there is none.
fn attribute(of: &Value, key: &str) -> Value {
    let attributes = of["attributes"].as_array().cloned().unwrap_or_default();
    let found = attributes
        .into_iter()
        .find(|attribute| attribute["key"] == key);
    let value = found
        .map(|attribute| attribute["value"].clone())
        .unwrap_or_default();
    match value {
        Value::Object(typed) => match typed.into_iter().next() {
            // OTLP writes whole numbers as text.
            Some((kind, Value::String(number))) if kind == "intValue" => {
                json!(number.parse::<i64>().expect("a whole number"))
            }
            Some((_, value)) => value,
            None => Value::Null,
        },
        other => other,
    }
}

fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let named: Vec<_> = spans
        .iter()
        .filter(|span| span.text("name") == name)
        .collect();
    let names: Vec<_> = spans.iter().map(|span| span.text("name")).collect();
    assert_eq!(named.len(), 1, "one span {name} of {names:?}");
    named[0]
}

/// The real server, over standard input and output.
struct Server {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    last: u32,
    dir: PathBuf,
}

impl Server {
    async fn start(test: &str, api: &str, variables: &[(&str, &str)]) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("telemetry-{test}"));
        let _ = std::fs::remove_dir_all(&dir);
        let mut child = Command::new(env!("CARGO_BIN_EXE_drydock"))
            .args(["serve", "--data-dir"])
            .arg(&dir)
            .env("SUPABASE_ACCESS_TOKEN", TOKEN)
            .env("DRYDOCK_API_URL", api)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Self {
            child,
            input,
            output,
            last: 0,
            dir,
        };
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        server.ask("initialize", hello).await;
        server
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        server
    }

    async fn send(&mut self, message: &Value) {
        self.input
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        self.ask_as(json!(self.last), method, params).await
    }

    /// Asks under an id of the caller's own choice.
    async fn ask_as(&mut self, id: Value, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&request).await;
        loop {
            let line = self.output.next_line().await.unwrap().expect("an answer");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer["result"].clone();
            }
        }
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
        .await
    }

    /// Its end, which comes when its input does.
    async fn end(self) -> Output {
        drop(self.input);
        let ended = self.child.wait_with_output().await.unwrap();
        let _ = std::fs::remove_dir_all(&self.dir);
        ended
    }
}

#[tokio::test]
async fn a_call_is_a_span_of_its_clients_trace_and_says_what_the_journal_says() {
    let outside = Outside::open().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", outside.base.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ];
    let mut server = Server::start("says", &outside.base, &variables).await;
    let params = json!({
        "name": "list_projects", "arguments": {},
        "_meta": { "traceparent": format!("00-{TRACE}-{CALLER}-01") },
    });
    let listed = server.ask("tools/call", params).await;
    assert_eq!(
        listed["structuredContent"]["projects"][0]["name"], "Shop",
        "{listed}"
    );
    let secret = "sb_secret_0123456789abcdefghijkl_abcdefgh";
    let refused = server
        .call(
            "execute_sql",
            json!({ "project_id": secret, "query": "select 1" }),
        )
        .await;
    assert_eq!(refused["isError"], true, "{refused}");
    server.call("rm -rf /", json!({})).await;
    let tables = json!({ "name": "list_tables", "arguments": {} });
    server.ask_as(json!(secret), "tools/call", tables).await;
    assert!(server.end().await.status.success());

    let spans = outside.spans();
    let asked = only(&spans, "tools/call list_projects");
    assert_eq!(asked.text("traceId"), TRACE);
    assert_eq!(asked.text("parentSpanId"), CALLER);
    assert_eq!(asked.0["kind"], 2, "a server's span");
    assert_eq!(asked.attribute("mcp.method.name"), "tools/call");
    assert_eq!(asked.attribute("mcp.protocol.version"), "2025-11-25");
    assert_eq!(asked.attribute("jsonrpc.request.id"), "2");
    assert_eq!(asked.attribute("network.transport"), "pipe");
    let work = only(&spans, "execute_tool list_projects");
    assert_eq!(work.text("traceId"), TRACE);
    assert_eq!(work.text("parentSpanId"), asked.text("spanId"));
    assert_eq!(work.attribute("gen_ai.tool.name"), "list_projects");
    assert_eq!(work.attribute("drydock.decision"), "allowed");
    assert_eq!(work.attribute("drydock.platform_calls"), 1);
    assert!(
        work.attribute("drydock.tokens").as_i64() > Some(10),
        "{work:?}"
    );
    assert!(
        work.attribute("drydock.principal").as_str() > Some("os-user:"),
        "{work:?}"
    );
    let sent = only(&spans, "GET /v1/projects");
    assert_eq!(sent.text("parentSpanId"), work.text("spanId"));
    assert_eq!(sent.0["kind"], 3, "a client's span");
    assert_eq!(sent.attribute("http.response.status_code"), 200);

    let refused = only(&spans, "execute_tool execute_sql");
    assert_ne!(refused.text("traceId"), TRACE);
    assert_eq!(refused.attribute("drydock.decision"), "refused");
    assert_eq!(refused.attribute("error.type"), "invalid_arguments");
    assert_eq!(refused.0["status"]["code"], 2, "an error");
    let asked = only(&spans, "tools/call execute_sql");
    assert_eq!(asked.attribute("error.type"), "tool_error");
    let numbered = only(&spans, "tools/call list_tables");
    assert_eq!(
        numbered.attribute("jsonrpc.request.id"),
        "sb_secret_[redacted]"
    );
    let unknown = only(&spans, "tools/call unknown");
    assert_eq!(unknown.attribute("drydock.code"), "unknown_tool");

    for (_, body) in outside.exports() {
        let body = String::from_utf8_lossy(&body);
        for kept in [TOKEN, secret, "rm -rf"] {
            assert!(!body.contains(kept), "{kept} in {body}");
        }
    }
}

#[tokio::test]
async fn spans_go_out_as_protobuf_with_the_collectors_key_where_nothing_else_is_said() {
    let outside = Outside::open().await;
    let endpoint = format!("{}/v1/traces", outside.base);
    let headers = format!("api-key={KEY}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()),
    ];
    let mut server = Server::start("protobuf", &outside.base, &variables).await;
    server.call("list_projects", json!({})).await;
    assert!(server.end().await.status.success());
    let exports = outside.exports();
    let (headers, body) = exports.first().expect("an export");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["api-key"], KEY);
    assert!(String::from_utf8_lossy(body).contains("tools/call list_projects"));
}

#[tokio::test]
async fn nothing_is_exported_where_opentelemetry_is_switched_off() {
    let outside = Outside::open().await;
    for switch in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", outside.base.as_str()),
            switch,
        ];
        let mut server = Server::start("nowhere", &outside.base, &variables).await;
        server.call("list_projects", json!({})).await;
        assert!(server.end().await.status.success());
    }
    assert!(outside.exports().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_harms_no_call_and_its_key_is_not_logged() {
    let outside = Outside::open().await;
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let away = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let headers = format!("authorization=Bearer%20{KEY}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", away.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()),
        ("DRYDOCK_LOG", "debug"),
    ];
    let mut server = Server::start("away", &outside.base, &variables).await;
    let listed = server.call("list_projects", json!({})).await;
    assert_eq!(
        listed["structuredContent"]["projects"][0]["name"], "Shop",
        "{listed}"
    );
    let ended = server.end().await;
    assert!(ended.status.success());
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(log.contains("export"), "the operator is told: {log}");
    assert!(!log.contains(KEY), "{log}");
}

#[tokio::test]
async fn settings_that_cannot_be_meant_stop_the_start() {
    for (endpoint, protocol) in [
        ("not a url", "http/json"),
        ("http://127.0.0.1:4317", "grpc"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_drydock"))
            .args(["serve", "--data-dir", env!("CARGO_TARGET_TMPDIR")])
            .env("SUPABASE_ACCESS_TOKEN", TOKEN)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{endpoint} {protocol}");
        assert!(log.contains("spans cannot be exported"), "{log}");
    }
}
