/// Columns of text under headings, as wide as their widest cell.
struct TextTable {
  private let headings: [String]
  private var rows: [[String]] = []

  init(_ headings: String...) { self.headings = headings }

  /// Adds a row with a cell for each heading.
  mutating func add(_ cells: String...) { rows.append(cells) }

  var text: String {
    let lines = [headings] + rows
    var widths = headings.map(\.count)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
    }
    return lines.map { cells in
      var line = ""
      for (column, cell) in cells.enumerated() {
        line += cell
        guard column < cells.count - 1 else { continue }
        line += String(repeating: " ", count: widths[column] - cell.count + 2)
      }
      return line
    }.joined(separator: "\n")
  }
}
