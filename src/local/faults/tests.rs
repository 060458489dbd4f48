use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Value, json};

use super::{CALL_HEADER, Called, Fault, Faults, Kind};
use crate::api::branches::{Branch, MergeBranch};
use crate::api::database::RunQuery;
use crate::api::projects::{GetProject, ListProjects};
use crate::api::restore_points::{CreateRestorePoint, GetRestorePoint};
use crate::api::{Endpoint, Ref};

fn fault(written: Value) -> Fault {
    match serde_json::from_value(written.clone()) {
        Ok(fault) => fault,
        Err(error) => panic!("{written}: {error}"),
    }
}

fn planned(faults: impl IntoIterator<Item = Value>) -> Faults {
    let planned = Faults::default();
    planned.plan(faults.into_iter().map(fault).collect());
    planned
}

fn called<E: Endpoint>() -> Called {
    Called::of::<E>(E::PATH, &HeaderMap::new())
}

/// What strikes so many calls of one endpoint.
fn struck<E: Endpoint>(faults: &Faults, calls: usize) -> Vec<Option<Kind>> {
    let strike = |_| faults.strike(&called::<E>()).map(|blow| blow.kind());
    (0..calls).map(strike).collect()
}

#[test]
fn the_nth_call_that_a_fault_concerns_is_struck_and_so_many_after_it() {
    let faults = planned([json!({
        "kind": "fail", "nth": 2, "times": 2, "method": "POST", "path": RunQuery::PATH,
    })]);
    assert_eq!(struck::<ListProjects>(&faults, 3), [None; 3]);
    let hit = Some(Kind::Fail);
    assert_eq!(struck::<RunQuery>(&faults, 5), [None, hit, hit, None, None]);
    let counts: Vec<u64> = faults.hits().iter().map(|hit| hit.count).collect();
    assert_eq!(counts, [2, 3]);
}

#[test]
fn a_method_and_a_path_must_both_fit() {
    let faults = planned([json!({ "kind": "half", "method": "get", "path": RunQuery::PATH })]);
    assert_eq!(struck::<RunQuery>(&faults, 2), [None; 2]);
    let faults = planned([json!({ "kind": "half", "method": "get" })]);
    assert_eq!(struck::<RunQuery>(&faults, 1), [None]);
    assert_eq!(struck::<GetProject>(&faults, 2), [Some(Kind::Half), None]);
}

#[test]
fn of_two_faults_the_first_strikes_and_both_count() {
    let faults = planned([
        json!({ "kind": "hang", "nth": 2 }),
        json!({ "kind": "fail_after", "nth": 2, "times": 2 }),
    ]);
    let struck = struck::<ListProjects>(&faults, 4);
    assert_eq!(
        struck,
        [None, Some(Kind::Hang), Some(Kind::FailAfter), None]
    );
}

#[test]
fn another_plan_counts_anew_and_an_empty_one_strikes_nothing() {
    let faults = Faults::default();
    assert!(faults.is_empty());
    assert_eq!(struck::<ListProjects>(&faults, 2), [None; 2]);
    let shared = faults.clone();
    for _ in 0..2 {
        shared.plan(vec![fault(json!({ "kind": "half", "nth": 2 }))]);
        assert!(!faults.is_empty() && faults.hits().is_empty());
        assert_eq!(struck::<ListProjects>(&faults, 2), [None, Some(Kind::Half)]);
        assert_eq!(shared.hits().len(), 1);
    }
    shared.plan(Vec::new());
    assert!(faults.is_empty() && faults.hits().is_empty());
}

#[test]
fn restore_points_are_not_offered_until_the_plan_ends() {
    let faults = planned([json!({ "kind": "restore_points_not_offered" })]);
    let hit = Some(Kind::RestorePointsNotOffered);
    assert_eq!(struck::<CreateRestorePoint>(&faults, 3), [hit; 3]);
    assert_eq!(struck::<GetRestorePoint>(&faults, 1), [hit]);
    assert_eq!(struck::<RunQuery>(&faults, 1), [None]);
}

#[test]
fn a_storm_follows_from_its_seed() {
    let storm = |seed: u64, rate: f64| {
        let faults = planned([json!({ "kind": "storm", "seed": seed, "rate": rate })]);
        struck::<ListProjects>(&faults, 1000)
    };
    assert_eq!(storm(7, 0.1), storm(7, 0.1));
    assert_ne!(storm(7, 0.1), storm(8, 0.1));
    assert_eq!(storm(7, 0.0), [None; 1000]);
    let all = storm(7, 1.0);
    for kind in [Kind::Fail, Kind::FailAfter, Kind::Half] {
        let part = all.iter().filter(|one| **one == Some(kind)).count();
        assert!((250..=420).contains(&part), "{kind:?}: {part}");
    }
    let some = storm(7, 0.1).iter().flatten().count();
    assert!((60..=140).contains(&some), "{some}");
    // More of a storm strikes what less of it does.
    let gale = storm(7, 0.5);
    let breeze = storm(7, 0.1);
    assert!(
        breeze
            .iter()
            .zip(gale)
            .all(|(one, other)| one.is_none() || *one == other)
    );
}

#[test]
fn merges_are_counted_by_themselves_and_know_their_call() {
    let faults = planned([json!({ "kind": "merge_stops", "after": 3, "nth": 2 })]);
    assert_eq!(struck::<MergeBranch>(&faults, 2), [None; 2]);
    let branch = branch();
    assert_eq!(faults.merge_stops(&branch), None);
    let mut headers = HeaderMap::new();
    headers.insert(CALL_HEADER, HeaderValue::from_static("00ff"));
    let path = format!("/v1/branches/{}/merge", branch.project_ref);
    assert!(
        faults
            .strike(&Called::of::<MergeBranch>(&path, &headers))
            .is_none()
    );
    assert_eq!(faults.merge_stops(&branch), Some(3));
    assert_eq!(faults.merge_stops(&branch), None);
    let hits = serde_json::to_value(faults.hits()).unwrap_or_default();
    let expected = json!([{
        "fault": { "kind": "merge_stops", "after": 3, "nth": 2 },
        "kind": "merge_stops",
        "method": "POST",
        "path": "/v1/branches/{branch_id_or_ref}/merge",
        "count": 2,
        "call": "00ff",
    }]);
    assert_eq!(hits, expected);
}

#[test]
fn a_plan_is_read_as_it_is_written_and_what_makes_no_sense_is_refused() {
    for written in [
        json!({ "kind": "fail", "status": 503, "method": "POST", "path": RunQuery::PATH, "nth": 3 }),
        json!({ "kind": "fail_after", "times": 2 }),
        json!({ "kind": "hang", "seconds": 2 }),
        json!({ "kind": "half" }),
        json!({ "kind": "restore_points_not_offered" }),
        json!({ "kind": "merge_stops", "after": 1 }),
        json!({ "kind": "storm", "seed": 7, "rate": 0.1 }),
    ] {
        assert_eq!(
            serde_json::to_value(fault(written.clone())).ok(),
            Some(written)
        );
    }
    for written in [
        json!({ "kind": "flood" }),
        json!({ "kind": "fail", "status": 200 }),
        json!({ "kind": "fail", "seconds": 1 }),
        json!({ "kind": "half", "nth": 0 }),
        json!({ "kind": "half", "times": 0 }),
        json!({ "kind": "half", "often": 1 }),
        json!({ "kind": "merge_stops" }),
        json!({ "kind": "merge_stops", "after": 1, "path": MergeBranch::PATH }),
        json!({ "kind": "storm", "seed": 7 }),
        json!({ "kind": "storm", "seed": 7, "rate": 1.5 }),
    ] {
        let read = serde_json::from_value::<Fault>(written.clone());
        assert!(read.is_err(), "{written}");
    }
}

#[test]
fn what_cannot_be_a_calls_id_is_passed_over() {
    let of = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(CALL_HEADER, HeaderValue::from_static(value));
        Called::of::<ListProjects>(ListProjects::PATH, &headers).call
    };
    assert_eq!(of("0a1b"), Some("0a1b".to_owned()));
    assert_eq!(of("a call"), None);
    assert_eq!(of(""), None);
}

/// A server whose every call is struck by what is planned; where it answers, and how often it worked.
async fn served(faults: Faults) -> (String, Arc<AtomicUsize>) {
    let worked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&worked);
    let answer = any(move || {
        let (faults, count) = (faults.clone(), Arc::clone(&count));
        async move {
            let work = async move {
                count.fetch_add(1, Ordering::Relaxed);
                Response::new(Body::from("0123456789"))
            };
            faults
                .around(called::<ListProjects>(), Box::pin(work))
                .await
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().map(|address| address.to_string());
    let router = Router::new().route("/", answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address.unwrap_or_default(), worked)
}

/// All that comes back, byte by byte, until the connection ends.
async fn heard(address: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let asked = "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let mut heard = Vec::new();
    let read = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(asked.as_bytes()).await?;
        stream.read_to_end(&mut heard).await
    };
    if let Err(error) = read.await {
        panic!("{error}");
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_call_is_refused_before_its_work_or_cut_off_after_it() {
    let faults = Faults::default();
    let (address, worked) = served(faults.clone()).await;
    let mut done = 0;
    for (kind, works) in [("fail", 0), ("hang", 0), ("fail_after", 1), ("half", 1)] {
        let seconds = (kind == "hang").then_some(0);
        let mut written = json!({ "kind": kind, "seconds": seconds });
        if let Some(fields) = written.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        faults.plan(vec![fault(written)]);
        let heard = heard(&address).await;
        done += works;
        assert_eq!(worked.load(Ordering::Relaxed), done, "{kind}");
        let fits = match kind {
            "fail" => heard.starts_with("HTTP/1.1 503"),
            "hang" => heard.starts_with("HTTP/1.1 504"),
            "fail_after" => heard.is_empty(),
            _ => heard.contains("content-length: 10") && heard.ends_with("\r\n\r\n01234"),
        };
        assert!(fits, "{kind}: {heard:?}");
    }
    // The plan is used up.
    assert!(heard(&address).await.ends_with("0123456789"));
}

#[tokio::test]
async fn what_hangs_for_ever_hangs_until_its_caller_goes_away() {
    let faults = planned([json!({ "kind": "hang" })]);
    let (address, worked) = served(faults.clone()).await;
    let asked = tokio::spawn(async move { heard(&address).await });
    while faults.hits().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished());
    asked.abort();
    assert_eq!(worked.load(Ordering::Relaxed), 0);
}

fn branch() -> Branch {
    let reference = |letter: char| -> Ref {
        let text: String = std::iter::repeat_n(letter, 20).collect();
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    };
    let written = json!({
        "id": "11111111-1111-4111-8111-111111111111",
        "name": "DEV",
        "project_ref": reference('b'),
        "parent_project_ref": reference('a'),
        "is_default": false,
        "persistent": false,
        "status": "FUNCTIONS_DEPLOYED",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "with_data": false,
    });
    serde_json::from_value(written).unwrap_or_else(|error| panic!("{error}"))
}
