"""State the answer: the verdict, its regime and reach, advice, and third ways."""
