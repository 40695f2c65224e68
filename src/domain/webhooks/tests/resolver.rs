use super::*;
use crate::config::Switch;

#[tokio::test]
async fn a_name_of_this_machine_has_no_address_unless_private_ones_are_allowed() {
    let lookup = async |private| WebhookResolver::new(private).lookup("localhost".into()).await;
    assert!(lookup(Switch::Off).await.unwrap_err().is::<NoPublicAddress>());
    assert!(lookup(Switch::On).await.unwrap().iter().all(|address| address.ip().is_loopback()));
}
