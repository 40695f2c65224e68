//! The commands of the README and of the tour that continues it.

use std::net::TcpListener;

use super::markdown::{blocks, document, section};
use super::{Server, Shell};

const CONVERSATION: &str = "A first conversation";

/// For each block of the conversation: a part of it, and the lines of output that it causes, each by parts of the line.
const EXPECTED_OUTPUT: [(&str, &[&[&str]]); 17] = [
    ("token anna", &[&[r#"{"id":"#, r#""name":"anna""#]]),
    ("/v1/stream?", &[&["event: ready"]]),
    ("-d hi", &[&["event: conversation.created"], &["data: ", r#""text":"hi""#]]),
    (
        "poll=$!",
        &[
            &[r#"{"from":"#, r#""text":"hi""#],
            &[r#"{"from":"#, r#""text":"lunch at noon?""#],
            &["data: ", r#""text":"lunch at noon?""#],
        ],
    ),
    ("limit=10", &[&[r#"{"items":"#, r#""text":"lunch at noon?""#, r#""text":"hi""#]]),
    ("/v1/search", &[&[r#""excerpt":"Treffen in München""#], &[r#"{"items":[{"message":{"id":"#, "lunch at noon?"]]),
    ("Idempotency-Key", &[&["idempotency-replayed: true"], &["data: ", r#""text":"only once""#]]),
    (
        "/typing",
        &[
            &["data: ", r#""type":"typing""#],
            &[r#""text":"did you get this?""#, r#""delivered":[""#],
            &[r#""online":true"#],
            &[r#""transport":"sse""#],
        ],
    ),
    (
        "/reactions/",
        &[
            &[r#""text":"lunch at noon, @anna?""#, r#""edited_at":"2"#],
            &[r#"{"items":[{"text":"lunch at one, @anna?""#, r#"{"text":"lunch at noon, @anna?""#],
            &[r#"{"items":[{"id":"#, r#""text":"yes!","reply_to":""#],
            &[r#"{"read":""#, r#""unread":0}"#],
            &[r#""has_read":true}"#],
            &[r#""muted":true"#],
            &["event: message.deleted"],
        ],
    ),
    ("menu.txt", &[&[r#""text":"the menu""#, r#""name":"menu.txt","type":"text/plain""#], &["bread"], &["soup"]]),
    ("@phone", &[&[r#"{"from":"#, r#""text":"read this later""#], &["data: ", r#""text":"read this later""#]]),
    ("display_name", &[&[r#"{"items":[{"id":"#, r#""display_name":"Anna Berg""#]]),
    ("/v1/bots", &[&["data: ", r#""text":"sunny""#]]),
    (
        "/export",
        &[
            &[r#"{"items":[{"key":"#, r#""key":"bert""#],
            &["key,messages,members_active"],
            &[r#""type":"conversation.created""#, r#""title":"Lunch""#],
        ],
    ),
    ("-X DELETE -H", &[]),
    (
        "second=",
        &[
            &[r#"{"from":"#, r#""text":"from one node to the other""#],
            &["data: ", r#""text":"from one node to the other""#],
        ],
    ),
    ("kill $node", &[]),
];

#[tokio::test]
async fn first_conversation_can_be_pasted_in_order_and_again() {
    let server = Server::start().await;
    for _ in 0..2 {
        converse(&server).await;
    }
    server.stop().await;
}

async fn converse(server: &Server) {
    let begin = blocks(section(&document("README.md"), CONVERSATION), "sh");
    let blocks = [begin, blocks(&document("docs/tour.md"), "sh")].concat();
    assert_eq!(blocks.len(), EXPECTED_OUTPUT.len(), "each block has its entry in this test");
    let second = free_address();
    let data = server.data();
    let mut shell = Shell::start(server.directory(), &[("LONGWAVE_DATA_DIR", &data)]).await;
    for (block, (known_by, lines)) in blocks.iter().zip(EXPECTED_OUTPUT) {
        assert!(block.contains(known_by), "{known_by} is not in\n{block}");
        shell.paste(&adapted(block, server, &second)).await;
        for parts in lines {
            shell.sees(parts).await;
        }
    }
    let text = shell.text();
    let times = text.lines().filter(|line| line.starts_with("data: ") && line.contains("only once")).count();
    assert_eq!(times, 1, "the repeated send is one event");
}

/// Answers a block with the addresses and paths of this server in place of those that the document names.
fn adapted(block: &str, server: &Server, second: &str) -> String {
    let data = server.data();
    let replacements = [
        ("127.0.0.1:8080", server.address.as_str()),
        ("127.0.0.1:8081", second),
        ("target/release/longwave", env!("CARGO_BIN_EXE_longwave")),
        ("/var/lib/longwave", data.to_str().expect("text")),
    ];
    replacements.iter().fold(block.to_owned(), |block, (documented, actual)| block.replace(documented, actual))
}

/// Answers an address where nobody listens. Its port is below the range of ephemeral ports, so that no other process is
/// assigned it before the node listens.
fn free_address() -> String {
    let is_free = |address: &String| TcpListener::bind(address).is_ok();
    let addresses = std::iter::repeat_with(|| format!("127.0.0.1:{}", fastrand::u16(16_384..32_768)));
    addresses.take(1_000).find(is_free).expect("a free port")
}

#[test]
fn other_blocks_start_or_test_the_server_with_one_line() {
    let readme = document("README.md");
    let conversation = blocks(section(&readme, CONVERSATION), "sh");
    let others: Vec<_> = blocks(&readme, "sh").into_iter().filter(|block| !conversation.contains(block)).collect();
    let bare = "apt-get update && apt-get install -y postgresql curl && ";
    let expected = ["cargo run --release", "cargo test"]
        .map(|command| [format!("{command}\n"), format!("{bare}{command}\n")])
        .concat();
    assert_eq!(others, expected);
}
