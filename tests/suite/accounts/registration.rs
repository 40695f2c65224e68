//! Users: registering, logging in and names.

use serde_json::{Value, json};

use crate::support::{TestApp, User};

fn registration(name: &str) -> Value {
    json!({"name": name, "password": User::PASSWORD})
}

#[tokio::test]
async fn registration_answers_the_user_and_a_working_session() {
    let app = TestApp::start().await;
    let body = json!({"name": "Anna", "password": User::PASSWORD, "display_name": "Anna B.", "device": "phone"});
    let answer = app.anonymous().post("/v1/users", body).await;
    let (user, session) = (&answer.expect(201)["user"], &answer.expect(201)["session"]);
    assert_eq!(
        (&user["name"], &user["display_name"], &user["role"]),
        (&json!("anna"), &json!("Anna B."), &json!("user"))
    );
    let created_at = user["created_at"].as_str().expect("a time");
    assert!(created_at.len() == "2026-01-01T00:00:00.000Z".len() && created_at.ends_with('Z'), "{created_at}");
    assert_eq!((&session["token_type"], &session["device"]), (&json!("Bearer"), &json!("phone")));
    assert!(session["expires_in"].as_u64().is_some_and(|seconds| seconds <= 900), "{session}");
    assert!(session["refresh_token"].is_string() && session["refresh_expires_in"].is_u64(), "{session}");
    let me = app.anonymous().logged_in(&answer.json()).me().await;
    assert_eq!(me.header("cache-control"), Some("no-store"));
    assert_eq!(me.expect(200), *user);
}

#[tokio::test]
async fn name_is_unique_regardless_of_case() {
    let app = TestApp::start().await;
    app.user("anna").await;
    for name in ["anna", "ANNA"] {
        app.anonymous().post("/v1/users", registration(name)).await.problem(409, "name_taken");
    }
    app.user("bert").await;
}

#[tokio::test]
async fn names_and_passwords_outside_the_rules_are_invalid() {
    let app = TestApp::start().await;
    let long = "a".repeat(33);
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    for name in ["", "a", &long, "-ab", "ab-", ".ab", "a b", "me", "ME", uuid, "än", "a\nb", "а1", "ﬀ2", "a\u{200b}b"]
    {
        let answer = app.anonymous().post("/v1/users", registration(name)).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "name", "{name:?}");
    }
    for password in ["short77".to_owned(), "p".repeat(257)] {
        let answer = app.anonymous().post("/v1/users", json!({"name": "carl", "password": password})).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "password");
    }
    for name in ["ab", &"z".repeat(32), "a.b_c-d9"] {
        app.user(name).await;
    }
    let answer = app.anonymous().post("/v1/users", json!({"name": "carl", "password": "p".repeat(256)})).await;
    answer.expect(201);
}

#[tokio::test]
async fn login_needs_the_password_and_answers_alike_for_unknown_names() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let session = app.anonymous().log_in("Anna", User::PASSWORD).await.expect(201);
    assert_eq!(session["user"]["id"], anna.id.as_str());
    app.anonymous().logged_in(&session).me().await.expect(200);
    let mut answers = Vec::new();
    for (name, password) in [("anna", "wrong password"), ("nobody", User::PASSWORD), ("anna", "correct horse batter")] {
        let answer = app.anonymous().log_in(name, password).await;
        let mut document = answer.problem(401, "credentials_wrong");
        document["request_id"] = Value::Null;
        answers.push((document, answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn passwords_are_compared_up_to_their_last_character() {
    let app = TestApp::start().await;
    let password = |last: &str| "ä".repeat(70) + last;
    let body = json!({"name": "anna", "password": password("1")});
    app.anonymous().post("/v1/users", body).await.expect(201);
    app.anonymous().log_in("anna", &password("2")).await.problem(401, "credentials_wrong");
    app.anonymous().log_in("anna", &password("1")).await.expect(201);
}

#[tokio::test]
async fn answers_never_hold_hashes_or_tokens_of_others() {
    let app = TestApp::start().await;
    let (anna, bert) = (app.user("anna").await, app.user("bert").await);
    let seen = anna.get(&format!("/v1/users/{}", bert.id)).await.expect(200);
    let fields: Vec<_> = seen.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields.len(), 5, "{fields:?}");
    for field in ["id", "name", "display_name", "role", "created_at"] {
        assert!(fields.contains(&field), "{fields:?}");
    }
}

#[tokio::test]
async fn user_is_found_by_id_by_name_in_any_case_and_as_me() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    for user in ["bert", "BERT", &bert.id] {
        assert_eq!(anna.get(&format!("/v1/users/{user}")).await.expect(200), bert.me().await.expect(200));
    }
    assert_eq!(anna.get("/v1/users/me").await.expect(200)["id"], anna.id.as_str());
    anna.get("/v1/users/nobody").await.problem(404, "not_found");
}
