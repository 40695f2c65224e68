use super::*;

#[test]
fn reserve_is_a_quarter_of_few_descriptors_and_4096_of_many() {
    for (descriptors, connections) in [(256, 192), (1_024, 768), (16_384, 12_288), (524_288, 520_192)] {
        assert_eq!(connection_limit(descriptors), connections);
    }
}

#[test]
fn limit_is_raised_to_the_hard_one() {
    raise_limit();
    let limit = getrlimit(Resource::Nofile);
    assert_eq!(limit.current, limit.maximum.or(Some(MAX_DESCRIPTORS)));
}
