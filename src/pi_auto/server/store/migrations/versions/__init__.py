"""One module a step, named by number and subject. A step that was released is never changed."""
