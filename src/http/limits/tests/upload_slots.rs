use super::*;

#[test]
fn fifth_upload_waits_until_one_of_the_four_has_ended() {
    let (uploads, user) = (UploadSlots::default(), UserId::new());
    let mut slots: Vec<_> = (0..MAX_UPLOADS_PER_USER).map(|_| uploads.acquire(user).unwrap()).collect();
    assert!(uploads.acquire(user).is_err());
    assert!(uploads.acquire(UserId::new()).is_ok());
    slots.pop();
    assert!(uploads.acquire(user).is_ok());
    drop(slots);
    assert!(uploads.0.lock().unwrap().is_empty());
}

#[test]
fn uploads_of_all_users_together_have_a_limit() {
    let uploads = UploadSlots::default();
    let slots: Vec<_> = (0..MAX_UPLOADS).map(|_| uploads.acquire(UserId::new()).unwrap()).collect();
    assert!(uploads.acquire(UserId::new()).is_err());
    drop(slots);
    assert!(uploads.acquire(UserId::new()).is_ok());
}
