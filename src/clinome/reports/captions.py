"""Captions of the reports: what stands at a figure or table, with its units and what its interval is; and below headings."""

from __future__ import annotations

CONTROL = {
    "permuted_labels": "outcomes permuted over all rows: no signal is left",
    "missingness_only": "which variables were measured, how often and how lately, without their values",
    "batch_only": "batch and site of measurement, and nothing else",
    "clock_only": "length of observation and number of events before the prediction time, and nothing else",
    "shuffled_graph": "the learner with the places of its features in the graph exchanged",
    "no_edges": "the learner without edges",
    "shuffled_pairs": "the learner aligned on omics of one patient and records of another",
}
"""What each control is."""

LEAD = {
    "cohort_selection": "Attrition: rows left after each step of the cohort query, and rows lost by it.",
    "missing_data": "A missing layer is treated as unknown, never as zero.",
    "biomarkers": "Features that moved the held-out predictions of the chosen learner. Associations in this cohort, not causes.",
    "modules": "Connected groups of genes (interactions of the knowledge graph) that stand out together. They were looked for in all "
    "rows, and describe them; whether they say something of others is the column held out.",
    "no_biomarkers": "The chosen learner cannot say which features its predictions rest on, so none are ranked.",
    "controls": "Negative controls and ablations: one learner, named with each, in its default setting on the folds of the first repeat: without signal, without biology, or without edges.",
    "data_quality": "Rows read = written + merged with an equal row + rejected with a reason.",
    "quality_missing": "By layer, feature and patient; and whether being missing goes with the outcome.",
    "quality_confounding": "Where and with whom one was measured, against the outcome and against the main variance of each layer.",
    "quality_values": "Impossible values, numbers that stand for “missing”, outliers, units.",
    "quality_duplicates": "Patients who look like the same person under two ids.",
    "quality_identifiers": "What was renamed, merged, ambiguous or lost on the way from the files.",
    "quality_time": "Facts against birth, death and observation.",
    "quality_drift": "Records, values and outcome over calendar time.",
    "compared_cohorts": "Attrition: patients left after each step of the two cohort queries.",
    "differential_features": "Measured or recorded before each row’s prediction time. By increasing p.",
}
"""What stands below a heading."""

CAPTION = {
    "network": "Network of the biomarkers in the graph. Circles: genes among the first of the ranking, larger where more folds agree, "
    "coloured by their effect; squares: the most specific pathways that hold two of them or more; dotted: interactions. What is not "
    "drawn is said below it.",
    "attrition": "Cohort selection. Bars: rows left; right: rows lost by the step.",
    "table_one": "Table 1: baseline characteristics. Numeric: median [quartiles]; categorical: n (% of known). SMD: "
    "standardised mean difference, the largest between any two groups (below 0.1: small). p: Mann–Whitney or "
    "Kruskal–Wallis (numeric), Fisher or χ² (categorical), not corrected; none where a variable is the outcome or determines it. Only covariates among them are model inputs.",
    "balance": "Matched controls: standardised mean differences between the exposed and their controls, before and after matching "
    "(below 0.1: small). Matched by what was known at the prediction; the outcome had no part in it.",
    "odds_ratios": "Regression of the outcome on the covariates over the whole cohort, with 95% CI; errors count rows of one "
    "patient together. A number: per unit; words: against the commonest level. Adjusted: for all others. – where fewer than "
    "five rows have, or lack, the outcome, or the covariates determine one another. Associations, not causes.",
    "missing_data": "Available layers (UpSet plot). Columns: patterns of layers that rows have together; right: rows with "
    "each layer, n (%).",
    "layers": "Layers: features, and rows with and without them.",
    "learners": "Performance on held-out rows. Dots: mean over folds; lines: 95% CI; ticks: single folds.",
    "differences": "Right: paired difference, chosen − learner, on the same rows; an interval that includes zero (95% "
    "CI) shows no difference.",
    "learners_table": "Held-out performance: mean over folds, 95% CI in brackets for the primary metric; training time in "
    "seconds; peak memory in MB.",
    "paired": "Paired differences, chosen − learner, with 95% CI; p two-sided, and corrected over learners (Holm).",
    "selection": "Feature selection: in how many folds the training part alone selected a feature, those of most folds first; "
    "score: the method’s own, mean over folds. Folds share patients, so their agreement overstates what a new cohort would select.",
    "discrimination": "ROC and precision–recall curves of held-out predictions, pooled over folds. Pale lines: chance.",
    "classes": "One-vs-rest ROC curves and confusion matrix of held-out predictions, each row once. Pale line: chance.",
    "labels": "ROC and precision–recall curves of each label, held-out predictions, each row once; of more than six labels those "
    "that most rows have. Pale line: chance.",
    "endpoints": "Spearman’s correlation of each endpoint, mean over folds. Left: a dot an endpoint; bar: quartiles, orange: median "
    "(right, as a number). Right: the chosen learner against the covariates alone, a dot an endpoint; above the line it is better.",
    "endpoints_table": "Endpoints that the chosen learner tells best and worst. Spearman: mean over folds with a 95% interval "
    "(Fisher’s transformation); n: patients who have the endpoint. All are in endpoints.csv, of every learner.",
    "regression": "Held-out predictions, each row once, in the outcome’s unit. Left: observed against predicted; on the line they "
    "agree. Right: residuals, observed − predicted; orange: median and quartiles in groups of equal size; away from zero, "
    "predictions there are too low (above) or too high (below).",
    "calibration": "Calibration plot: groups of equal size, Wilson 95% CI. On the diagonal, predicted and observed risk agree.",
    "survival_calibration": "Calibration plot: groups of equal size; observed risk by Kaplan–Meier, 95% CI (log–log). Predicted "
    "risk: Cox model of the score, fitted on training rows.",
    "competing_calibration": "Calibration plot: groups of equal size; observed risk by Aalen–Johansen beside the competing event, "
    "95% CI (log–log). Predicted risk: incidence by Cox models of both events on the score, fitted on training rows.",
    "calibration_table": "Calibration of held-out predictions, all folds pooled, with 95% CI. Slope below 1: predictions too "
    "extreme; above 1: not extreme enough. Intercept above 0: risk underestimated; below 0: overestimated. A learner that "
    "predicts one risk for everyone has no slope. Predicted and observed: mean risk.",
    "decision": "Decision curve of held-out predictions: net benefit in true positives per row over threshold probabilities. "
    "No interval is drawn; small differences are not to be interpreted.",
    "operating": "Operating points of the chosen learner. Each fold’s threshold is set on predictions of its training rows by "
    "models that had not seen them, and applied to its held-out rows; counts are added up over folds, 95% CI by patient. "
    "Alerts: rows at or above the threshold. Threshold: mean over folds. PPV: positive predictive value.",
    "alarms": "Alarms by patient and event, at the same thresholds. Alerts per 100 patients: all alerts of a patient count. "
    "Events alerted: those with an alert while they were ahead within the horizon; alerted in vain: patients without an event who "
    "ever were.",
    "alarm_leads": " Lead time: from the first alert that an event was ahead of to the event, median (quartiles) over "
    "events alerted; the horizon is the longest that it can be.",
    "conformal": "Conformal prediction sets, calibrated by outcome on training rows: share of held-out rows whose set holds the "
    "outcome, 95% CI by patient.",
    "learning_curve": "Learning curve of the plain learners, tuned anew on nested, stratified parts of the training rows of the "
    "first repeat, and judged on the same held-out rows. Band: 95% CI of the best learner.",
    "subgroups": "Performance of the chosen learner on held-out rows by group, ranked within folds; lines: 95% CI. Right: "
    "group − all other rows whose group is known; an interval that includes zero shows no gap.",
    "subgroups_table": "Subgroups: performance, and gap to all others, with 95% CI; p corrected over groups (Holm); mean predicted "
    "and observed risk.",
    "biomarkers": "Effect on the score per standard deviation of the feature. Dots: mean over folds; bands: 95% interval over "
    "folds. Above zero: higher values, higher score.",
    "importance": "Importance: share of all attribution, mean over folds. It has no direction: of several classes, what raises "
    "one lowers the others.",
    "effects_table": "Effect: change of the score per standard deviation, with 95% interval over folds. ",
    "biomarkers_table": "Importance: share of all attribution, mean over folds, without direction. Stability: share of folds "
    "with the feature among the first twenty. q: each feature alone against the outcome, whole cohort, one row a patient, "
    "Benjamini–Hochberg.",
    "adjusted": "The same features, adjusted: one regression a feature over the whole cohort, with the covariates and the site, 95% CI; per "
    "standard deviation, or with it against without (mutations, codes: prevalence). They were ranked on this cohort: such effects are larger than in a new one.",
    "layers_of_genes": "Genes measured in several layers, the closest pairs first (q: Benjamini–Hochberg over all pairs of the first 500 ranked genes; "
    "layer_agreement.csv has all). Outcome: whether both layers go with the outcome as their correlation leads one to expect; a sign, not a test.",
    "by_class": "Odds ratio of each class against all others, adjusted for the covariates and the site, with 95% CI; per standard deviation, or "
    "with against without.",
    "known": "Average recall: share of the known genes found, averaged over how far one reads down the ranking of all measured genes (0.5 is "
    "chance; 95% range of 999 draws of genes with as many features). Performance on the folds of the run, with 95% CI.",
    "modules": "Modules, the surest first: of each layer and direction the connected group whose genes go with the outcome most, and "
    "further ones that pass. Up: higher with more of the outcome, or sooner. Genes: the strongest first, in brackets those that only connect. q: against the same "
    "scores on networks with shuffled edges, every gene keeping its degree; Benjamini–Hochberg over layers, classes and directions. Held out: the mean of the genes "
    "of modules found in training parts alone, on the rows held out, with 95% interval over folds.",
    "pathways": "Over-representation of ranked genes: hypergeometric test, and the genes that hit; q: Benjamini–Hochberg over all tested gene sets. "
    "GSEA: the whole ranking by importance, against random sets of the same size among the measured genes.",
    "controls": "Controls, and the learners that they are of, on the real data. Dots: mean; lines: 95% CI; ticks: single "
    "folds or permutations.",
    "controls_table": "Controls: mean with 95% CI over folds or permutations; real data: the same learner’s performance above.",
    "data_quality": "Rows by source.",
    "quality_availability": "Patients by what they have, and how many have each layer.",
    "quality_missing_curve": "Missing by feature, layers with missing cells.",
    "quality_missing_tests": "Share missing in the outcome with least and most of it, smallest p first.",
    "quality_components": "First two principal components (share of the variance), a dot a sample, coloured by batch or site; ringed: far "
    "from all others.",
    "quality_histograms": "Distributions, 1st to 99th percentile; properties first, then codes.",
    "quality_events_by_month": "Events a month, by source.",
    "survival": "Kaplan–Meier curves, pointwise 95% bands (log–log), numbers at risk below. Time in days from each row’s "
    "prediction time.",
    "values": "Numeric features: Cliff’s delta, 95% CI; filled: q < 0.05.",
    "shares": "Mutations and codes: odds ratio, 95% CI; filled: q < 0.05.",
    "features": "Differential features. Numeric: medians, Cliff’s δ, Mann–Whitney. Mutations and codes (with all codes below them): "
    "shares of those observed, odds ratio, Fisher’s exact test; carried by fewer than five patients: not tested. Brackets: "
    "95% CI. q: Benjamini–Hochberg over all tests.",
    "compared_table": "Table 1, one row a patient, patients of one cohort only. Numeric: median [quartiles]; categorical: n (% of "
    "known). SMD: standardised mean difference (below 0.1: small). p: Mann–Whitney (numeric), Fisher or χ² (categorical), not "
    "corrected. Variables may be what defines the cohorts, or come after the prediction time.",
    "benchmark": "Performance over studies. Mean rank: 1 is best, ties shared, over learners that ran on every study. Mean "
    "difference: each study counts once, 95% CI by Student’s t over studies. p: Wilcoxon signed-rank over studies, "
    "two-sided; corrected over learners (Holm).",
    "study_differences": "Dots: paired difference on one study, coloured by its 95% CI. Diamonds: mean over studies with 95% CI.",
}
"""What stands at a figure or a table."""
