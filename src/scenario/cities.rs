//! Places of cities where networks meet, so that a scenario need not look them up.
//!
//! Latitude and longitude of the city centre, to a hundredth of a degree (about 1 km, 5 µs of
//! fibre).

/// (name, latitude, longitude), by name [degrees].
const CITIES: &[(&str, f64, f64)] = &[
    ("amsterdam", 52.37, 4.90),
    ("ashburn", 39.04, -77.49),
    ("athens", 37.98, 23.73),
    ("atlanta", 33.75, -84.39),
    ("auckland", -36.85, 174.76),
    ("bangalore", 12.97, 77.59),
    ("bangkok", 13.76, 100.50),
    ("barcelona", 41.39, 2.17),
    ("beijing", 39.90, 116.41),
    ("berlin", 52.52, 13.41),
    ("bogota", 4.71, -74.07),
    ("boston", 42.36, -71.06),
    ("brisbane", -27.47, 153.03),
    ("brussels", 50.85, 4.35),
    ("bucharest", 44.43, 26.10),
    ("budapest", 47.50, 19.04),
    ("buenos-aires", -34.60, -58.38),
    ("cairo", 30.04, 31.24),
    ("cape-town", -33.92, 18.42),
    ("charlotte", 35.23, -80.84),
    ("chennai", 13.08, 80.27),
    ("chicago", 41.88, -87.63),
    ("cleveland", 41.50, -81.69),
    ("copenhagen", 55.68, 12.57),
    ("dallas", 32.78, -96.80),
    ("delhi", 28.61, 77.21),
    ("denver", 39.74, -104.99),
    ("des-moines", 41.59, -93.62),
    ("detroit", 42.33, -83.05),
    ("dubai", 25.20, 55.27),
    ("dublin", 53.35, -6.26),
    ("frankfurt", 50.11, 8.68),
    ("geneva", 46.20, 6.14),
    ("hamburg", 53.55, 9.99),
    ("helsinki", 60.17, 24.94),
    ("hong-kong", 22.32, 114.17),
    ("honolulu", 21.31, -157.86),
    ("houston", 29.76, -95.37),
    ("indianapolis", 39.77, -86.16),
    ("istanbul", 41.01, 28.98),
    ("jakarta", -6.21, 106.85),
    ("johannesburg", -26.20, 28.05),
    ("kansas-city", 39.10, -94.58),
    ("kuala-lumpur", 3.13, 101.69),
    ("lagos", 6.52, 3.38),
    ("las-vegas", 36.17, -115.14),
    ("lima", -12.05, -77.04),
    ("lisbon", 38.72, -9.14),
    ("london", 51.51, -0.13),
    ("los-angeles", 34.05, -118.24),
    ("madrid", 40.42, -3.70),
    ("manchester", 53.48, -2.24),
    ("manila", 14.60, 120.98),
    ("marseille", 43.30, 5.37),
    ("melbourne", -37.81, 144.96),
    ("mexico-city", 19.43, -99.13),
    ("miami", 25.76, -80.19),
    ("milan", 45.46, 9.19),
    ("minneapolis", 44.98, -93.27),
    ("montreal", 45.50, -73.57),
    ("moscow", 55.76, 37.62),
    ("mumbai", 19.08, 72.88),
    ("munich", 48.14, 11.58),
    ("nairobi", -1.29, 36.82),
    ("nashville", 36.16, -86.78),
    ("new-york", 40.71, -74.01),
    ("osaka", 34.69, 135.50),
    ("oslo", 59.91, 10.75),
    ("paris", 48.86, 2.35),
    ("perth", -31.95, 115.86),
    ("philadelphia", 39.95, -75.17),
    ("phoenix", 33.45, -112.07),
    ("portland", 45.52, -122.68),
    ("prague", 50.08, 14.44),
    ("quincy", 47.23, -119.85),
    ("rio-de-janeiro", -22.91, -43.17),
    ("rome", 41.90, 12.50),
    ("salt-lake-city", 40.76, -111.89),
    ("san-antonio", 29.42, -98.49),
    ("san-diego", 32.72, -117.16),
    ("san-francisco", 37.77, -122.42),
    ("san-jose", 37.34, -121.89),
    ("santiago", -33.45, -70.67),
    ("sao-paulo", -23.55, -46.63),
    ("seattle", 47.61, -122.33),
    ("seoul", 37.57, 126.98),
    ("shanghai", 31.23, 121.47),
    ("singapore", 1.35, 103.82),
    ("sofia", 42.70, 23.32),
    ("st-louis", 38.63, -90.20),
    ("stockholm", 59.33, 18.07),
    ("sunnyvale", 37.37, -122.04),
    ("sydney", -33.87, 151.21),
    ("taipei", 25.03, 121.57),
    ("tampa", 27.95, -82.46),
    ("tel-aviv", 32.09, 34.78),
    ("tokyo", 35.68, 139.65),
    ("toronto", 43.65, -79.38),
    ("vancouver", 49.28, -123.12),
    ("vienna", 48.21, 16.37),
    ("warsaw", 52.23, 21.01),
    ("washington", 38.91, -77.04),
    ("zurich", 47.38, 8.54),
];

/// Latitude and longitude of a city [degrees].
pub fn find(name: &str) -> Option<(f64, f64)> {
    let at = CITIES.binary_search_by_key(&name, |city| city.0).ok()?;
    Some((CITIES[at].1, CITIES[at].2))
}

/// All cities that are known.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    CITIES.iter().map(|city| city.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cities_are_in_order_and_on_earth() {
        assert!(CITIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(CITIES.iter().all(|city| city.1.abs() < 90.0 && city.2.abs() <= 180.0));
        assert_eq!(find("tokyo"), Some((35.68, 139.65)));
        assert_eq!(find("atlantis"), None);
    }
}
