"""Reports: self-contained HTML pages from run folders."""
