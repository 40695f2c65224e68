//! What docs/operation.md says of the command line.

use std::process::Command;

use super::markdown::{document, rows, section};

/// Answers what `longwave <arguments> --help` prints, each flag on one line with its help.
fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    let output = command.args(arguments).arg("--help").env_clear().output().expect("the binary runs");
    String::from_utf8(output.stdout).expect("text").replace("\n          ", " ")
}

/// Answers what a line of help says after `[name: `.
fn note<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("[{name}: "))?;
    Some(rest.split_once(']')?.0)
}

#[test]
fn configuration_table_names_exactly_the_flags_of_the_help() {
    let operation = document("docs/operation.md");
    let table = rows(section(&operation, "Configuration"), "| `--");
    let help = help(&["serve"]);
    let flags: Vec<_> = help.lines().map(str::trim).filter(|line| line.starts_with("--")).collect();
    assert!(flags.len() > 5, "{help}");
    let names = |cells: &Vec<&str>| (cells[0].replace('`', ""), cells[1].replace('`', ""));
    let expected = flags.iter().map(|line| {
        let flag = line.split_whitespace().next().expect("a flag");
        (flag.to_owned(), note(line, "env").expect("an environment name").trim_end_matches('=').to_owned())
    });
    assert_eq!(table.iter().map(names).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for (cells, line) in table.iter().zip(flags) {
        if let Some(default) = note(line, "default") {
            assert_eq!(cells[2].replace('`', ""), default, "{line}");
        }
    }
}

#[test]
fn commands_of_the_help_are_all_documented() {
    let operation = document("docs/operation.md");
    let help = help(&[]);
    let (_, commands) = help.split_once("Commands:\n").expect("commands");
    let names = commands.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names.collect();
    assert!(names.contains(&"serve") && names.contains(&"token"), "{help}");
    for name in names {
        assert!(operation.contains(&format!("`longwave {name}")), "{name}");
    }
}
