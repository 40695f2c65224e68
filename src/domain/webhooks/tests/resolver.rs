use super::*;
use crate::config::Switch;

#[tokio::test]
async fn local_name_resolves_only_where_private_addresses_are_allowed() {
    let lookup = async |private| WebhookResolver::new(private).lookup("localhost".into()).await;
    assert!(lookup(Switch::Off).await.unwrap_err().is::<NoPublicAddress>());
    assert!(lookup(Switch::On).await.unwrap().iter().all(|address| address.ip().is_loopback()));
}
