"""What a task's scores are on a page: boards, ranks, cells, rows, the texts behind them; templates and data files."""
