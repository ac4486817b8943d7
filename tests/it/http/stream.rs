//! The live stream: in order, resumed where it broke off, honest about gaps.

use super::harness::{Server, TOKEN, message};

/// A reader of server-sent events.
struct Reader {
    response: reqwest::Response,
    text: String,
}

impl Reader {
    async fn open(server: &Server, query: &str, last: Option<&str>) -> Self {
        let request = server.request("GET", &format!("/v1/incidents/stream{query}"));
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        let response = request.bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Reader { response, text: String::new() }
    }

    /// The next event as `event id subject/revision`; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| {
                    let found = event.lines().find_map(|line| line.strip_prefix(name));
                    found.map_or("", |value| value.trim_start_matches(':').trim_start())
                };
                let data: serde_json::Value = serde_json::from_str(field("data")).unwrap();
                let id = data["id"].as_str().unwrap_or("-");
                return Some(format!("{} {} {id}", field("event"), field("id")));
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_come_in_order_and_the_stream_resumes() {
    let server = Server::start().await;
    let store = &server.console.store;
    let mut reader = Reader::open(&server, "", None).await;
    store.publish(&message("inc-1", 1, "default"));
    store.publish(&message("inc-1", 2, "default"));
    assert_eq!(reader.next().await.unwrap(), "revision 7-1 inc-1/1");
    assert_eq!(reader.next().await.unwrap(), "revision 7-2 inc-1/2");
    drop(reader);
    store.publish(&message("inc-2", 1, "default"));
    let mut reader = Reader::open(&server, "", Some("7-1")).await;
    assert_eq!(reader.next().await.unwrap(), "revision 7-2 inc-1/2");
    assert_eq!(reader.next().await.unwrap(), "revision 7-3 inc-2/1");
    let mut other_run = Reader::open(&server, "?after=6-9", None).await;
    assert_eq!(other_run.next().await.unwrap(), "reset 7-3 -");
    store.publish(&message("inc-3", 1, "default"));
    assert_eq!(other_run.next().await.unwrap(), "revision 7-4 inc-3/1");
    store.close();
    assert_eq!(reader.next().await.unwrap(), "revision 7-4 inc-3/1");
    assert_eq!(reader.next().await, None, "a closed store ends the stream");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_what_it_asks_for_and_may_see() {
    let yaml = "server:\n  tokens:\n    - {name: reader, token: '${env:T}', tenant: shop, roles: [read]}\n";
    let server = Server::with(yaml).await;
    let store = &server.console.store;
    let mut reader = Reader::open(&server, "?event=updated&tenant=bank", None).await;
    store.publish(&message("inc-1", 1, "shop"));
    store.publish(&message("inc-2", 1, "bank"));
    store.publish(&message("inc-2", 2, "bank"));
    store.publish(&message("inc-1", 2, "shop"));
    assert_eq!(reader.next().await.unwrap(), "revision 7-4 inc-1/2");
    drop(reader);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_had_is_refused() {
    let server = Server::with("server: {limits: {streams: 1}}\n").await;
    server.get("/v1/incidents/stream?after=x").await.is(400, "position");
    server.get("/v1/incidents/stream?severity=x").await.is(400, "severity");
    server.get("/v1/incidents/stream?limit=1").await.is(400, "not known");
    let reader = Reader::open(&server, "", None).await;
    assert_eq!(server.metric("causeway_http_streams").await, "1");
    server.get("/v1/incidents/stream").await.is(503, "live streams");
    drop(reader);
    server.stop().await;
}
