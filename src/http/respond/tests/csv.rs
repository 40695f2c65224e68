use super::*;

#[test]
fn fields_that_could_break_out_are_quoted() {
    let fields = ["a", "b,c", "say \"hi\"", "two\nlines"].map(ToOwned::to_owned);
    assert_eq!(line(fields), "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n");
}
