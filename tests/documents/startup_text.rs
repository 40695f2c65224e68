//! The three commands that the server shows when it starts.

use super::{Server, Shell};

#[tokio::test]
async fn commands_at_start_can_be_pasted_and_again() {
    let server = Server::start().await;
    let [listen, send, ask] = server.shown.as_slice() else { panic!("not three commands: {:?}", server.shown) };
    for _ in 0..2 {
        // In another directory than the server's, as another terminal may be.
        let mut shell = Shell::start(&std::env::temp_dir(), &[]).await;
        shell.paste(&format!("{listen} &\n")).await;
        shell.sees(&["event: ready"]).await;
        shell.paste(&format!("{send}\n")).await;
        shell.sees(&["data: ", r#""text":"hello""#]).await;
        shell.paste(&format!("{ask}\n")).await;
        shell.sees(&[r#"{"from":"#, r#""text":"hello""#]).await;
    }
    server.stop().await;
}
