use super::*;
use tokio::io::AsyncReadExt;

/// A message of the protocol.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[kind], &length[..], body].concat()
}

/// Some messages as a server sends them, and what a reader is to see.
fn samples() -> (Vec<u8>, Vec<u8>) {
    let other = [message(b'Z', b"I"), message(b'D', &[b'E'; 300]), message(b'1', b"")].concat();
    let sent = message(b'E', b"SFEHLER\0C57014\0Mstorniert\0Hhint\0\0");
    let seen = message(b'E', b"SFEHLER\0C57014\0M57014: storniert\0Hhint\0\0");
    let without_code = message(b'E', b"Mno code\0\0");
    (
        [&other[..], &sent, &sent, &other, &without_code, &sent].concat(),
        [&other[..], &seen, &seen, &other, &without_code, &seen].concat(),
    )
}

#[tokio::test]
async fn error_message_begins_with_its_sqlstate_however_the_bytes_arrive() {
    let (sent, seen) = samples();
    for piece in [1, 2, 3, 5, 7, 64, 4_096] {
        let (client, mut server) = tokio::io::duplex(piece);
        let sent = sent.clone();
        tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut server, &sent).await.unwrap() });
        let mut read = Vec::new();
        SqlStateStream::new(client).read_to_end(&mut read).await.unwrap();
        assert_eq!(read, seen, "in pieces of {piece}");
    }
}

#[tokio::test]
async fn error_response_is_read_through_a_small_buffer() {
    let (sent, seen) = samples();
    let mut stream = SqlStateStream::new(&sent[..]);
    let mut read = Vec::new();
    let mut buf = [0; 3];
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => break,
            count => read.extend_from_slice(&buf[..count]),
        }
    }
    assert_eq!(read, seen);
}
