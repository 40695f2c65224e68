DROP TABLE connections;
DROP TABLE nodes;
