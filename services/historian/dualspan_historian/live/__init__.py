"""From a commit to whoever watches, through Redis: any historian process may serve any watcher."""
