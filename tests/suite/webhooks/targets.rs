//! Where webhooks post to, and where they do not.

use super::*;

#[tokio::test]
async fn redirect_of_a_target_is_a_failure_and_not_followed() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut target, other) = (Target::start().await, Target::start().await);
    target.reply([Reply::With(302, "location", other.url()), Reply::With(307, "location", other.url())]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    for status in ["302", "307"] {
        target.next().await;
        let names_status = |now: &Value| now["last_error"].as_str().is_some_and(|text| text.contains(status));
        when(&bert, &webhook, "the redirect is told", names_status).await;
        hurry(&app).await;
    }
    target.next().await;
    assert!(other.is_idle());
}

#[tokio::test]
async fn error_of_a_target_is_shown_without_its_address() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let target = Target::start().await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let wrongs = [
        (format!("https://127.0.0.1:{}/?key=secret", target.port()), "TLS failed"),
        (format!("http://127.0.0.1:{closed}/?key=secret"), "the target cannot be connected to"),
        ("http://no-such-name.invalid/?key=secret".into(), "the target cannot be connected to"),
    ];
    for (url, reason) in wrongs {
        let webhook = bert.post("/v1/webhooks", json!({"url": url})).await.expect(201);
        anna.say(&group, "one").await;
        let failing = when(&bert, &webhook, "the failure is told", |now| now["last_error"].is_string()).await;
        let error = failing["last_error"].as_str().expect("text");
        assert!(error.starts_with(reason) && !error.contains("secret"), "{url}: {error}");
    }
    assert!(target.is_idle());
}

#[tokio::test]
async fn endless_answer_of_a_target_counts_by_its_status() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let mut target = Target::start().await;
    target.reply([Reply::Endless]);
    register(&bert, &target).await;
    for text in ["one", "two"] {
        anna.say(&group, text).await;
    }
    assert_eq!(texts(&target.take(2).await), ["one", "two"]);
}

#[tokio::test]
async fn silent_target_delays_no_other_webhook() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let target = Target::start().await;
        target.reply([Reply::Never, Reply::Never]);
        register(&bert, &target).await;
        slow.push(target);
    }
    let mut target = Target::start().await;
    register(&anna, &target).await;
    for text in ["one", "two", "three"] {
        anna.say(&group, text).await;
    }
    assert_eq!(texts(&target.take(3).await), ["one", "two", "three"]);
    slow[0].next().await;
}

#[tokio::test]
async fn non_public_target_is_refused_in_every_spelling() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let good = anna.post("/v1/webhooks", json!({"url": "https://1.1.1.1/hook"})).await.expect(201);
    for host in [
        "127.0.0.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "0177.1",
        "127.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[2001::1]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "255.255.255.255",
        "[fc00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "x.localhost",
        "127.0.0.1.",
        "a@127.0.0.1",
        "a@1.1.1.1",
        "a:b@1.1.1.1",
        "1.1.1.1:5432",
        "1.1.1.1:22",
        "1.1.1.1:0",
        "no-such-name.invalid",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}/x");
            let document = anna.post("/v1/webhooks", json!({"url": url})).await.problem(422, "invalid");
            assert_eq!(document["errors"][0]["field"], "url", "{url}");
            assert_eq!(
                patch(&anna, &good, json!({"url": url})).await.problem(422, "invalid")["errors"][0]["field"],
                "url"
            );
        }
    }
    for url in
        ["file:///etc/passwd", "gopher://1.1.1.1/", "ftp://1.1.1.1/", "1.1.1.1", "", "http://", "http://1.1.1.1/ x"]
    {
        anna.post("/v1/webhooks", json!({"url": url})).await.problem(422, "invalid");
    }
    assert_eq!(anna.get("/v1/webhooks").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(anna.get(&path(&good)).await.expect(200)["url"], "https://1.1.1.1/hook");
}

#[tokio::test]
async fn target_that_became_non_public_is_refused_at_delivery() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let target = Target::start().await;
    let webhook = bert.post("/v1/webhooks", json!({"url": "https://1.1.1.1/hook"})).await.expect(201);
    let path = path(&webhook);
    for url in [target.url(), format!("http://localhost:{}/", target.port()), "http://127.0.0.1:8080/".into()] {
        let statement = format!("UPDATE webhooks SET url = '{url}', next_attempt_at = now(), last_error = NULL");
        app.sql().await.batch_execute(&statement).await.expect("an update");
        anna.say(&group, "one").await;
        let reason = eventually("the failure is told", SOON, async || {
            bert.get(&path).await.expect(200)["last_error"].as_str().map(str::to_owned)
        });
        assert!(reason.await.starts_with("the address"), "{url}");
    }
    assert!(target.is_idle());
}
