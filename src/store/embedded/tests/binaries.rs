use super::*;

#[test]
fn major_version_is_read_from_releases_and_betas() {
    assert_eq!(major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
    assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
    assert_eq!(major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
    assert_eq!(major("something else 17"), None);
}

#[test]
fn versions_are_looked_at_newest_first() {
    let parent = env::temp_dir().join(format!("longwave-versions-{}", uuid::Uuid::new_v4()));
    for name in ["postgresql@9.6", "postgresql@16", "postgresql@15", "postgresql", "other"] {
        fs::create_dir_all(parent.join(name)).unwrap();
    }
    let found = versions_in(&parent, "postgresql");
    let names = ["postgresql@16", "postgresql@15", "postgresql@9.6", "postgresql"];
    assert_eq!(found, names.map(|name| parent.join(name).join("bin")));
    fs::remove_dir_all(parent).unwrap();
}
