//! Azure Machine Learning.
