DROP TABLE reactions;
DROP TABLE members;
DROP TABLE conversations;
