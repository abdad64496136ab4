module github.com/tapio/tapio

go 1.26.0
