"""Operations that wait while Redis is away: few of them, not for long, and in their order."""
