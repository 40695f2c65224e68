use super::*;
use proptest::prelude::*;

#[test]
fn case_and_form_make_no_difference() {
    let pairs = [
        ("MÜNCHEN", "mu\u{308}nchen"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("İstanbul", "istanbul"),
        ("ＡＢＣ　１２", "abc 12"),
        ("ﾊﾟﾝ", "パン"),
        ("\u{1112}\u{1161}\u{11ab}", "한"),
        ("ﬁn", "fin"),
        ("❤\u{fe0f}", "❤"),
        ("co\u{ad}operate", "cooperate"),
        ("\u{9c7}\u{9be}", "\u{9cb}"),
    ];
    for (one, other) in pairs {
        assert_eq!(fold(one), fold(other), "{one} {other}");
    }
}

#[test]
fn other_letters_stay_other_letters() {
    for (one, other) in [("munchen", "münchen"), ("muenchen", "münchen"), ("か", "が"), ("カ", "か"), ("👍", "👎")]
    {
        assert_ne!(fold(one), fold(other));
    }
}

#[test]
fn words_lie_between_any_spaces() {
    assert_eq!(words("  Guten\u{a0}Morgen\n東京　タワー "), ["guten", "morgen", "東京", "タワー"]);
    assert_eq!(words(" \u{200b}\t"), [""; 0]);
}

proptest! {
    #[test]
    fn forms_of_a_text_fold_alike(text in "\\PC*") {
        let folded = fold(&text);
        prop_assert_eq!(&fold(&text.nfc().collect::<String>()), &folded);
        prop_assert_eq!(&fold(&text.nfd().collect::<String>()), &folded);
    }

    #[test]
    fn clusters_are_the_text(text in "\\PC*") {
        prop_assert_eq!(clusters(&text).map(|(_, cluster)| cluster).collect::<String>(), text);
    }
}
