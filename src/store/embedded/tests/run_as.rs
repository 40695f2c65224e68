use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n\
    broken\n\
    postgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\n";

#[test]
fn system_user_is_found_by_its_whole_name() {
    let user = look_up(PASSWD, "postgres").unwrap();
    assert_eq!((user.uid, user.gid), (101, 104));
    assert_eq!(look_up(PASSWD, "post"), None);
    assert_eq!(look_up(PASSWD, "broken"), None);
}

#[test]
fn negative_ids_wrap_around_as_in_the_kernel() {
    assert_eq!(look_up(PASSWD, "nobody").unwrap().uid, 4_294_967_294);
}
