"""References of the methods, by the key that a sentence cites; only those that were used are listed."""

from __future__ import annotations

REFERENCES: dict[str, tuple[str, str]] = {
    "Badia-i-Mompel et al. 2022": ("Badia-i-Mompel P, Vélez Santiago J, Braunger J, et al. decoupleR: ensemble of computational methods to infer biological activities from omics data. Bioinformatics Advances 2", "10.1093/bioadv/vbac016"),
    "Bamber 1975": ("Bamber D. The area above the ordinal dominance graph and the area below the receiver operating characteristic graph. Journal of Mathematical Psychology 12", "10.1016/0022-2496(75)90001-2"),
    "Barbie et al. 2009": ("Barbie DA, Tamayo P, Boehm JS, et al. Systematic RNA interference reveals that oncogenic KRAS-driven cancers require TBK1. Nature 462", "10.1038/nature08460"),
    "Benichou and Gail 1990": ("Benichou J, Gail MH. Estimates of absolute cause-specific risk in cohort studies. Biometrics 46", "10.2307/2532098"),
    "Benjamini and Hochberg 1995": ("Benjamini Y, Hochberg Y. Controlling the false discovery rate. Journal of the Royal Statistical Society B 57", "10.1111/j.2517-6161.1995.tb02031.x"),
    "Blanche et al. 2013": ("Blanche P, Dartigues JF, Jacqmin-Gadda H. Estimating and comparing time-dependent areas under ROC curves for censored event times with competing risks. Statistics in Medicine 32", "10.1002/sim.5958"),
    "Breiman 2001": ("Breiman L. Random forests. Machine Learning 45", "10.1023/A:1010933404324"),
    "Breitling et al. 2004": ("Breitling R, Armengaud P, Amtmann A, Herzyk P. Rank products. FEBS Letters 573", "10.1016/j.febslet.2004.07.055"),
    "Brier 1950": ("Brier GW. Verification of forecasts expressed in terms of probability. Monthly Weather Review 78", "10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"),
    "Cawley and Talbot 2010": ("Cawley GC, Talbot NLC. On over-fitting in model selection and subsequent selection bias in performance evaluation. Journal of Machine Learning Research 11:2079–2107", ""),
    "Cox 1972": ("Cox DR. Regression models and life-tables. Journal of the Royal Statistical Society B 34", "10.1111/j.2517-6161.1972.tb00899.x"),
    "Efron and Tibshirani 1993": ("Efron B, Tibshirani RJ. An introduction to the bootstrap. Chapman and Hall", "10.1007/978-1-4899-4541-9"),
    "Friedman 2001": ("Friedman JH. Greedy function approximation: a gradient boosting machine. Annals of Statistics 29", "10.1214/aos/1013203451"),
    "Fraley and Raftery 2002": ("Fraley C, Raftery AE. Model-based clustering, discriminant analysis, and density estimation. Journal of the American Statistical Association 97", "10.1198/016214502760047131"),
    "Gensheimer and Narasimhan 2019": ("Gensheimer MF, Narasimhan B. A scalable discrete-time survival model for neural networks. PeerJ 7", "10.7717/peerj.6257"),
    "Gorodkin 2004": ("Gorodkin J. Comparing two K-category assignments by a K-category correlation coefficient. Computational Biology and Chemistry 28", "10.1016/j.compbiolchem.2004.09.006"),
    "Graf et al. 1999": ("Graf E, Schmoor C, Sauerbrei W, Schumacher M. Assessment and comparison of prognostic classification schemes for survival data. Statistics in Medicine 18", "10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5"),
    "Hamilton et al. 2017": ("Hamilton WL, Ying R, Leskovec J. Inductive representation learning on large graphs. arXiv", "10.48550/arXiv.1706.02216"),
    "Harrell et al. 1996": ("Harrell FE, Lee KL, Mark DB. Multivariable prognostic models. Statistics in Medicine 15", "10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4"),
    "Hoerl and Kennard 1970": ("Hoerl AE, Kennard RW. Ridge regression: biased estimation for nonorthogonal problems. Technometrics 12", "10.1080/00401706.1970.10488634"),
    "Holm 1979": ("Holm S. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6:65–70", ""),
    "Hubert and Arabie 1985": ("Hubert L, Arabie P. Comparing partitions. Journal of Classification 2", "10.1007/BF01908075"),
    "Ishwaran et al. 2008": ("Ishwaran H, Kogalur UB, Blackstone EH, Lauer MS. Random survival forests. Annals of Applied Statistics 2", "10.1214/08-AOAS169"),
    "Johnson et al. 2007": ("Johnson WE, Li C, Rabinovic A. Adjusting batch effects in microarray expression data using empirical Bayes methods. Biostatistics 8", "10.1093/biostatistics/kxj037"),
    "Kaplan and Meier 1958": ("Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. Journal of the American Statistical Association 53", "10.1080/01621459.1958.10501452"),
    "Lange et al. 2004": ("Lange T, Roth V, Braun ML, Buhmann JM. Stability-based validation of clustering solutions. Neural Computation 16", "10.1162/089976604773717621"),
    "Liang and Zeger 1986": ("Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika 73", "10.1093/biomet/73.1.13"),
    "Lin and Wei 1989": ("Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. Journal of the American Statistical Association 84", "10.1080/01621459.1989.10478874"),
    "Monti et al. 2003": ("Monti S, Tamayo P, Mesirov J, Golub T. Consensus clustering. Machine Learning 52", "10.1023/A:1023949509487"),
    "Nadeau and Bengio 2003": ("Nadeau C, Bengio Y. Inference for the generalization error. Machine Learning 52", "10.1023/A:1024068626366"),
    "Ritchie et al. 2015": ("Ritchie ME, Phipson B, Wu D, et al. limma powers differential expression analyses. Nucleic Acids Research 43", "10.1093/nar/gkv007"),
    "Rosenbaum and Rubin 1983": ("Rosenbaum PR, Rubin DB. The central role of the propensity score in observational studies for causal effects. Biometrika 70", "10.1093/biomet/70.1.41"),
    "Saito and Rehmsmeier 2015": ("Saito T, Rehmsmeier M. The precision-recall plot is more informative than the ROC plot when evaluating binary classifiers on imbalanced datasets. PLoS ONE 10", "10.1371/journal.pone.0118432"),
    "Schlichtkrull et al. 2018": ("Schlichtkrull M, Kipf TN, Bloem P, et al. Modeling relational data with graph convolutional networks. ESWC", "10.1007/978-3-319-93417-4_38"),
    "Sundararajan et al. 2017": ("Sundararajan M, Taly A, Yan Q. Axiomatic attribution for deep networks. arXiv", "10.48550/arXiv.1703.01365"),
    "Therneau et al. 1990": ("Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models. Biometrika 77", "10.1093/biomet/77.1.147"),
    "Tibshirani 1996": ("Tibshirani R. Regression shrinkage and selection via the lasso. Journal of the Royal Statistical Society B 58", "10.1111/j.2517-6161.1996.tb02080.x"),
    "Tipping and Bishop 1999": ("Tipping ME, Bishop CM. Probabilistic principal component analysis. Journal of the Royal Statistical Society B 61", "10.1111/1467-9868.00196"),
    "Troyanskaya et al. 2001": ("Troyanskaya O, Cantor M, Sherlock G, et al. Missing value estimation methods for DNA microarrays. Bioinformatics 17", "10.1093/bioinformatics/17.6.520"),
    "Uno et al. 2007": ("Uno H, Cai T, Tian L, Wei LJ. Evaluating prediction rules for t-year survivors with censored regression models. Journal of the American Statistical Association 102", "10.1198/016214507000000149"),
    "Van Calster et al. 2019": ("Van Calster B, McLernon DJ, van Smeden M, et al. Calibration: the Achilles heel of predictive analytics. BMC Medicine 17", "10.1186/s12916-019-1466-7"),
    "van Geloven et al. 2022": ("van Geloven N, Giardiello D, Bonneville EF, et al. Validation of prediction models in the presence of competing risks. BMJ 377", "10.1136/bmj-2021-069249"),
    "Vaswani et al. 2017": ("Vaswani A, Shazeer N, Parmar N, et al. Attention is all you need. arXiv", "10.48550/arXiv.1706.03762"),
    "Vickers and Elkin 2006": ("Vickers AJ, Elkin EB. Decision curve analysis. Medical Decision Making 26", "10.1177/0272989X06295361"),
    "Vickers et al. 2008": ("Vickers AJ, Cronin AM, Elkin EB, Gonen M. Extensions to decision curve analysis. BMC Medical Informatics and Decision Making 8", "10.1186/1472-6947-8-53"),
    "Vovk et al. 2005": ("Vovk V, Gammerman A, Shafer G. Algorithmic learning in a random world. Springer", "10.1007/b106715"),
    "Wang et al. 2014": ("Wang B, Mezlini AM, Demir F, et al. Similarity network fusion for aggregating data types on a genomic scale. Nature Methods 11", "10.1038/nmeth.2810"),
    "Wolpert 1992": ("Wolpert DH. Stacked generalization. Neural Networks 5", "10.1016/S0893-6080(05)80023-1"),
    "Zou and Hastie 2005": ("Zou H, Hastie T. Regularization and variable selection via the elastic net. Journal of the Royal Statistical Society B 67", "10.1111/j.1467-9868.2005.00503.x"),
}  # fmt: skip
"""Key -> (authors, title and place; DOI, or nothing where there is none)."""


def reference(key: str) -> str:
    """One line of the list of references.

    Example:
        >>> reference("Holm 1979")
        'Holm 1979. Holm S. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6:65–70.'
    """
    text, doi = REFERENCES[key]
    return f"{key}. {text}." + (f" doi:{doi}" if doi else "")
