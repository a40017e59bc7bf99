//! The model repository: Python and nothing else.

/// All files but the one that says what is fitted.
const FILES: [(&str, &str); 11] = [
    ("trainyard.yml", include_str!("repository/trainyard.yml")),
    ("data.csv", include_str!("repository/data.csv")),
    ("many.json", include_str!("repository/many.json")),
    ("requirements-ci.txt", include_str!("repository/requirements-ci.txt")),
    ("requirements.txt", include_str!("repository/requirements.txt")),
    ("scoring/image_tests/test_score.py", include_str!("repository/scoring/image_tests/test_score.py")),
    ("scoring/requirements.txt", include_str!("repository/scoring/requirements.txt")),
    ("scoring/score.py", include_str!("repository/scoring/score.py")),
    ("smoke.json", include_str!("repository/smoke.json")),
    ("tests/test_train.py", include_str!("repository/tests/test_train.py")),
    ("training/train.py", include_str!("repository/training/train.py")),
];

/// What is fitted to the data, from bad to good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Zero,
    Mean,
    Line,
}

/// The repository with this fit.
pub fn files(fit: Fit) -> Vec<(&'static str, &'static str)> {
    let parameters = match fit {
        Fit::Zero => r#"{"fit": "zero"}"#,
        Fit::Mean => r#"{"fit": "mean"}"#,
        Fit::Line => r#"{"fit": "line"}"#,
    };
    FILES.into_iter().chain([("parameters.json", parameters)]).collect()
}
