//! The process on its pipes: when it ends, and what does not end it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{World, kill};

/// A server whose pipes are spoken to by hand.
struct Raw {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Raw {
    fn start(world: &World) -> Self {
        let mut child = world
            .command(&["serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(world.log())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn send(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn initialize(&mut self) -> Value {
        let request = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "by hand", "version": "1" },
            },
        });
        self.send(&request.to_string());
        let answer = self.receive();
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn initialize_and_the_listings_do_not_start_a_platform() {
    let world = World::new();
    let mut server = Raw::start(&world);
    let answer = server.initialize();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer["result"]["serverInfo"]["name"], "drydock");
    for (id, method) in [(2, "tools/list"), (3, "prompts/list")] {
        server.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method }).to_string());
        let answer = server.receive();
        assert_eq!(answer["id"], id);
        assert!(answer["result"].is_object(), "{answer}");
    }
    assert!(!world.dir().join("platform").exists());
}

#[test]
fn garbage_on_the_pipe_does_not_end_the_server() {
    let world = World::new();
    let mut server = Raw::start(&world);
    server.initialize();
    for garbage in [
        "this is no JSON",
        "{",
        "[]",
        "null",
        "{\"jsonrpc\":\"2.0\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":7}",
        "\u{0}\u{1}\u{7f}",
        "",
        &"[".repeat(100_000),
        &"x".repeat(2 * 1024 * 1024),
    ] {
        server.send(garbage);
    }
    server.send(&json!({ "jsonrpc": "2.0", "id": 42, "method": "tools/list" }).to_string());
    let answer = loop {
        let answer = server.receive();
        if answer["id"] == 42 {
            break answer;
        }
    };
    assert!(answer["result"]["tools"].is_array());
}

#[test]
fn unknown_methods_and_broken_calls_are_answered_with_errors() {
    let world = World::new();
    let mut server = Raw::start(&world);
    server.initialize();
    for (id, request) in [
        json!({ "jsonrpc": "2.0", "id": 10, "method": "no/such/method" }),
        json!({ "jsonrpc": "2.0", "id": 11, "method": "tools/call", "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 12, "method": "tools/call", "params": { "name": 7 } }),
        json!({ "jsonrpc": "2.0", "id": 13, "method": "prompts/get", "params": { "name": "nope" } }),
        json!({ "jsonrpc": "2.0", "id": 14, "method": "tools/call",
                "params": { "name": "list_projects", "arguments": "text" } }),
    ]
    .into_iter()
    .enumerate()
    {
        server.send(&request.to_string());
        let answer = server.receive();
        assert_eq!(answer["id"], 10 + id, "{request}: {answer}");
        assert!(answer["error"]["message"].is_string(), "{request}: {answer}");
    }
    assert!(!world.dir().join("platform").exists());
}

#[test]
fn a_closed_pipe_ends_the_server() {
    let world = World::new();
    let mut server = Raw::start(&world);
    server.initialize();
    server.input.take();
    assert!(server.child.wait().unwrap().success());
    // Also before anything was said.
    let mut server = Raw::start(&world);
    server.input.take();
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn signals_end_the_server() {
    let world = World::new();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Raw::start(&world);
        server.initialize();
        kill(server.child.id(), signal);
        assert!(server.child.wait().unwrap().success(), "{signal:?}");
    }
    // Also one that has not been initialised yet, once it listens to signals.
    let mut server = Raw::start(&world);
    server.send("garbage");
    server.initialize();
    kill(server.child.id(), Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}
