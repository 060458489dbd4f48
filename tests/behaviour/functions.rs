//! Edge Functions on a branch: deployed, looked at, called, changed and deleted. They run in Deno.

use serde_json::{Value, json};

use crate::harness::{Project, World, http_client, names};

/// A function of one file.
pub(crate) fn deployment(name: &str, source: &str) -> Value {
    json!({ "name": name, "files": [{ "name": "index.ts", "content": source }] })
}

/// A function that answers a word.
pub(crate) fn says(word: &str) -> String {
    format!("Deno.serve(() => new Response(\"{word}\"));")
}

/// Deploys a function of one file; gives its version.
pub(crate) async fn deploy(project: &Project<'_>, name: &str, source: &str) -> u64 {
    let done = project
        .ok("deploy_edge_function", deployment(name, source))
        .await;
    done["function"]["version"].as_u64().unwrap()
}

/// Calls a function; gives what it answered.
pub(crate) async fn invoke(project: &Project<'_>, name: &str) -> Value {
    project
        .ok("invoke_edge_function", json!({ "function_slug": name }))
        .await
}

#[tokio::test]
async fn a_function_of_several_files_is_deployed_with_import_map_and_assets_and_called() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let index = r#"
        import "jsr:@supabase/functions-js/edge-runtime.d.ts";
        import { greet } from "@/greet.ts";
        const asset = await Deno.readTextFile(new URL("./assets/word.txt", import.meta.url));
        Deno.serve(async (request: Request) => {
            const url = new URL(request.url);
            return Response.json({
                greeting: greet(asset.trim()),
                method: request.method,
                path: url.pathname + url.search,
                given: request.headers.get("x-given"),
                body: await request.text(),
                secret: Deno.env.get("GREETING_SECRET") === "of the branch",
                url: Deno.env.get("SUPABASE_URL"),
            }, { status: 201, headers: { "x-own": "yes" } });
        });"#;
    let done = project
        .ok(
            "deploy_edge_function",
            json!({
                "name": "greeter",
                "static_patterns": ["assets/*"],
                "files": [
                    { "name": "index.ts", "content": index },
                    { "name": "deno.json", "content": r#"{ "imports": { "@/": "./lib/" } }"# },
                    { "name": "lib/greet.ts", "content": "export const greet = (name: string): string => `hello ${name}`;" },
                    { "name": "assets/word.txt", "content": "world\n" },
                ],
            }),
        )
        .await;
    assert_eq!(done["target"]["environment"], "dev");
    assert_eq!(done["function"]["import_map_path"], "deno.json");
    assert_eq!(done["function"]["verify_jwt"], true);
    let dev = project.dev().await;
    let secret = json!([{ "name": "GREETING_SECRET", "value": "of the branch" }]);
    world
        .api()
        .post(&format!("/v1/projects/{dev}/secrets"), secret)
        .await;
    let answer = project
        .ok(
            "invoke_edge_function",
            json!({
                "function_slug": "greeter", "method": "PUT", "path": "/deep/er?a=1",
                "headers": { "x-given": "header" }, "body": { "n": 1 },
            }),
        )
        .await;
    assert_eq!(answer["status"], 201, "{answer}");
    assert_eq!(answer["headers"]["x-own"], "yes");
    let body = &answer["body"];
    assert_eq!(body["greeting"], "hello world");
    assert_eq!(body["method"], "PUT");
    assert_eq!(body["path"], "/greeter/deep/er?a=1");
    assert_eq!(body["given"], "header");
    assert_eq!(body["body"], r#"{"n":1}"#);
    assert_eq!(body["secret"], true);
    assert!(body["url"].as_str().unwrap().ends_with(&dev), "{body}");

    let listed = project.ok("list_edge_functions", json!({})).await;
    assert_eq!(names(&listed["functions"]), ["greeter"]);
    let shown = project
        .ok("get_edge_function", json!({ "function_slug": "greeter" }))
        .await;
    let files = names(&shown["files"]);
    assert_eq!(
        files,
        ["assets/word.txt", "deno.json", "index.ts", "lib/greet.ts"]
    );
    assert_eq!(shown["files"][2]["content"], index);
    assert_eq!(shown["left_out"], json!([]));
    // Production has none of it.
    let production = project
        .ok(
            "list_edge_functions",
            json!({ "environment": "production" }),
        )
        .await;
    assert_eq!(production["functions"], json!([]));
}

#[tokio::test]
async fn what_does_not_compile_is_refused_and_the_old_version_keeps_serving() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    assert_eq!(deploy(&project, "f", &says("first")).await, 1);
    for (source, word) in [
        ("export const x: = 3;", "Unexpected token"),
        ("import './missing.ts';", "missing.ts"),
        // Types alone: a file of the machine's own is not quoted either.
        (
            "import x from 'file:///etc/hostname' with { type: 'text' }; console.log(x);",
            "none of its files",
        ),
    ] {
        let error = project
            .refused(
                "deploy_edge_function",
                deployment("f", source),
                "does_not_compile",
            )
            .await;
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
        assert!(message.contains("version 1"), "{message}");
        assert!(!message.contains("/platform/functions/"), "{message}");
    }
    assert_eq!(invoke(&project, "f").await["body"], "first");
    assert_eq!(deploy(&project, "f", &says("second")).await, 2);
    assert_eq!(invoke(&project, "f").await["body"], "second");
    // A new process of the platform serves what the old one did.
    assert!(world.run(&["platform", "--stop"]).status.success());
    assert_eq!(invoke(&project, "f").await["body"], "second");
}

#[tokio::test]
async fn tokens_are_verified_where_the_function_says_so() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    deploy(&project, "f", &says("in")).await;
    let (api, dev) = (world.api(), project.dev().await);
    let url = format!("{}/projects/{dev}/functions/v1/f", api.base());
    let status = async |token: Option<&str>, method: reqwest::Method| {
        let mut request = http_client().request(method, &url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let get = reqwest::Method::GET;
    let keys = api
        .get(&format!("/v1/projects/{dev}/api-keys?reveal=true"))
        .await;
    let others = api
        .get(&format!("/v1/projects/{}/api-keys?reveal=true", project.id))
        .await;
    let key = |keys: &Value, place: usize| {
        let name = ["anon", "service_role"][place];
        let named = keys
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["name"] == name);
        named.expect(name)["api_key"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(None, get.clone()).await, 401);
    // The platform's own token is nobody's here, and production's keys are not the branch's.
    assert_eq!(status(Some(api.token()), get.clone()).await, 401);
    assert_eq!(status(Some(&key(&others, 0)), get.clone()).await, 401);
    let unsigned = format!(
        "eyJhbGciOiJub25lIn0.{}.",
        key(&keys, 0).split('.').nth(1).unwrap()
    );
    assert_eq!(status(Some(&unsigned), get.clone()).await, 401);
    assert_eq!(status(Some(&key(&keys, 0)), get.clone()).await, 200);
    assert_eq!(status(Some(&key(&keys, 1)), get.clone()).await, 200);
    // A browser's question before the question.
    assert_eq!(status(None, reqwest::Method::OPTIONS).await, 200);

    let nobody = json!({ "function_slug": "f", "role": "none" });
    let answer = project.ok("invoke_edge_function", nobody.clone()).await;
    assert_eq!(answer["status"], 401);
    let updated = project
        .ok(
            "update_edge_function",
            json!({ "function_slug": "f", "verify_jwt": false, "name": "Open" }),
        )
        .await;
    assert_eq!(updated["function"]["verify_jwt"], false);
    let answer = project.ok("invoke_edge_function", nobody).await;
    assert_eq!(answer["body"], "in");
    // Deployed again it stays open: nothing was said.
    deploy(&project, "f", &says("again")).await;
    assert_eq!(status(None, get.clone()).await, 200);

    let deleted = project
        .ok("delete_edge_function", json!({ "function_slug": "f" }))
        .await;
    assert_eq!(deleted["stays_on_production"], false);
    assert_eq!(status(None, get).await, 404);
    project
        .refused(
            "invoke_edge_function",
            json!({ "function_slug": "f" }),
            "not_found",
        )
        .await;
}

#[tokio::test]
async fn what_is_no_function_is_refused_before_it_is_sent() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let file = |name: &str| json!([{ "name": name, "content": says("x") }]);
    for (name, files) in [
        ("../up", file("index.ts")),
        ("1st", file("index.ts")),
        ("", file("index.ts")),
        ("f", file("../index.ts")),
        ("f", file("/etc/index.ts")),
        ("f", file("a/../../index.ts")),
        ("f", file("..\\index.ts")),
        ("f", file("file:///index.ts")),
        ("f", file("other.ts")),
        ("f", json!([])),
    ] {
        let arguments = json!({ "name": name, "files": files });
        project
            .refused("deploy_edge_function", arguments, "invalid_arguments")
            .await;
    }
    for extra in [
        json!({ "import_map_path": "missing.json" }),
        json!({ "static_patterns": ["../*"] }),
        json!({ "entrypoint_path": "/index.ts" }),
    ] {
        let mut arguments = deployment("f", &says("x"));
        for (name, value) in extra.as_object().unwrap() {
            arguments[name.as_str()] = value.clone();
        }
        project
            .refused("deploy_edge_function", arguments, "invalid_arguments")
            .await;
    }
    for (place, secret) in [
        (
            "const key = \"",
            format!("sk_{}_{}", "live", "0123456789abcdef"),
        ),
        ("// ", format!("sk_{}_{}", "test", "0123456789abcdef0123")),
        (
            "const url = \"",
            format!("postgres://user:{}@db.example.com/x", "hunter2hunter2"),
        ),
    ] {
        let source = format!("{}\n{place}{secret}\"", says("x"));
        let error = project
            .refused(
                "deploy_edge_function",
                deployment("f", &source),
                "secret_in_source",
            )
            .await;
        assert!(
            error["message"].as_str().unwrap().contains("line 2"),
            "{error}"
        );
        assert!(!error.to_string().contains(&secret), "{error}");
    }
    // Programs that read secrets where they belong spell none out.
    let reads = r#"
        const clientSecret = Deno.env.get("CLIENT_SECRET");
        const options = { client_secret: clientSecret, password: Deno.env.get("PASSWORD") };
        const url = `postgres://app:${Deno.env.get("DB_PASSWORD")}@db/app`;
        Deno.serve((r) => new Response(r.headers.get("Authorization")?.replace("Bearer ", "") ?? `${url}${options}`));"#;
    deploy(&project, "reader", reads).await;
    for path in [
        "items",
        "/../../v1/projects",
        "/%2e%2e/x",
        "/a b",
        "/a\\..\\b",
    ] {
        let arguments = json!({ "function_slug": "reader", "path": path });
        project
            .refused("invoke_edge_function", arguments, "invalid_arguments")
            .await;
    }
    for headers in [
        json!({ "Host": "example.com" }),
        json!({ "a b": "c" }),
        json!({ "a": "b\r\nc: d" }),
    ] {
        let arguments = json!({ "function_slug": "reader", "headers": headers });
        project
            .refused("invoke_edge_function", arguments, "invalid_arguments")
            .await;
    }
    let listed = project.ok("list_edge_functions", json!({})).await;
    assert_eq!(names(&listed["functions"]), ["reader"]);
}

#[tokio::test]
async fn a_large_bundle_is_deployed_and_one_too_large_is_refused() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let of = |bytes: usize| {
        json!({
            "name": "large",
            "files": [
                { "name": "index.ts", "content": "import data from './data.json' with { type: 'json' }; Deno.serve(() => new Response(String(data.text.length)));" },
                { "name": "data.json", "content": format!("{{\"text\":\"{}\"}}", "x".repeat(bytes)) },
            ],
        })
    };
    let bytes = 15 * 1024 * 1024;
    project.ok("deploy_edge_function", of(bytes)).await;
    assert_eq!(invoke(&project, "large").await["body"], bytes.to_string());
    let shown = project
        .ok("get_edge_function", json!({ "function_slug": "large" }))
        .await;
    assert_eq!(names(&shown["files"]), ["index.ts"]);
    assert!(
        shown["left_out"][0]
            .as_str()
            .unwrap()
            .starts_with("data.json")
    );
    // What no line of a client's holds can still come to the platform in another way.
    let body = json!({ "slug": "larger", "name": "larger", "body": "x".repeat(21 * 1024 * 1024) });
    let path = format!("/v1/projects/{}/functions", project.dev().await);
    let (status, refused) = world.api().send(reqwest::Method::POST, &path, body).await;
    assert_eq!(status, 413, "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("20971520"));
}
