"""Bad input by the hundred: samples, what is done to them, and how jprobe's answer is judged."""
