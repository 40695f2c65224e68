//! Refusing connections beyond the limit, each with a document that says why.

use super::response_head::DeferredHead;
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use axum::response::IntoResponse;
use std::io::Result;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a refusal may take: such connections use descriptors of the reserve.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers 503 to a connection, and closes it.
pub async fn refuse(stream: TcpStream) {
    // A client that neither sends nor reads in time does not get the response.
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, write_refusal(stream)).await;
}

async fn write_refusal(mut stream: TcpStream) -> Result<()> {
    let detail = "this node has as many connections as it can hold, try again or try another node";
    let problem = Problem::new(ProblemCode::Unavailable, detail);
    let response = DeferredHead::new().into_bytes(problem.into_response(), true).await;
    let mut discarded = [0; 4_096];
    // Clients take a response before their request for an error.
    if stream.read(&mut discarded).await? == 0 {
        return Ok(());
    }
    stream.write_all(&response).await?;
    stream.shutdown().await?;
    // A socket that is closed with bytes unread is reset, and the reset overtakes the response.
    while stream.read(&mut discarded).await? > 0 {}
    Ok(())
}
