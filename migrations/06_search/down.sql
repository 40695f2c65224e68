DROP TABLE search_progress;
DROP TABLE search_spans;
DROP TABLE search;
